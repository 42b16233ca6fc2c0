"""Signs up one person of each role on a server with its sandbox, as they do in life.

    python fuzz-api-people.py URL PROGRAM DATA_DIR

Prints a line for each: role and access token. The driver has papers and is approved, and is on shift.
"""

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

URL, PROGRAM, DATA_DIR = sys.argv[1:4]
PASSWORD = "imbwa itamukira"


def call(method, path, body=None, token=None, base=None):
    """An answer's body; refusals end the program with what was said."""
    request = urllib.request.Request((base or f"{URL}/api/v1") + path, method=method)
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"fuzz-api: {method} {path}: {error.code} {error.read().decode()}")
    return json.loads(text) if text else None


SERVER = call("GET", "/server")


def code_sent_to(phone):
    """The newest code on a phone, waiting for one."""
    path = "/_sim/sms?limit=20&to=" + phone.replace("+", "%2B")
    for _ in range(100):
        for message in call("GET", path, base=SERVER["sandbox_url"])["items"]:
            found = re.search(r"\b\d{6}\b", message["text"])
            if found:
                return found.group()
        time.sleep(0.1)
    sys.exit(f"fuzz-api: no code came to {phone}")


def registered(role, phone):
    """Somebody who signs up with the app."""
    call("POST", "/auth/register", {"phone": phone, "first_name": "Aline", "last_name": "Uwase", "role": role})
    return call("POST", "/auth/verify", {"phone": phone, "code": code_sent_to(phone)})["access_token"]


def with_password(phone):
    """Somebody who was given a password."""
    return call("POST", "/auth/login", {"phone": phone, "password": PASSWORD})["access_token"]


def code_of(secret):
    """What an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start:start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def with_two_factors(phone):
    """Somebody who enrols a second factor at the first sign-in."""
    first = with_password(phone)
    secret = call("POST", "/me/second-factor", {}, first)["secret"]
    enrolled = call("POST", "/me/second-factor/confirm", {"code": code_of(secret)}, first)
    return enrolled["tokens"]["access_token"]


def partner(by):
    """A program of somebody else's that may see all that programs may."""
    scopes = ["places:read", "heatmap:read", "reports:read"]
    made = call("POST", "/admin/partners", {"name": "City of Kigali", "scopes": scopes}, by)
    return call("POST", "/auth/partner/token", {"partner_id": made["id"], "secret": made["secret"]})["access_token"]


def admin(phone):
    """The first admin, made on the command line beside the server."""
    command = [PROGRAM, "user", "create", "--role", "admin", "--phone", phone, "--first-name", "Ange"]
    command += ["--last-name", "Mukamana", "--password-stdin", "--data-dir", DATA_DIR]
    subprocess.run(command, input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
    return with_two_factors(phone)


def employed(role, phone, by):
    """Somebody whom the admin lets in."""
    body = {"phone": phone, "first_name": "Jean", "last_name": "Bosco", "role": role, "password": PASSWORD}
    if role == "government":
        body["agency"] = "RURA"
    call("POST", "/admin/users", body, by)
    return with_two_factors(phone) if role == "government" else with_password(phone)


def put_on_shift(driver, admin_token):
    """Papers, the admin's approval, and a place in the city."""
    later = f"{int(SERVER['server_time'][:4]) + 2}-06-30"
    papers = {
        "licence_number": "1199480010000042", "licence_category": "A", "licence_expires_on": later, "plate": "RC123B",
        "vehicle_make": "TVS", "vehicle_model": "HLX 125", "vehicle_year": 2022, "vehicle_colour": "red",
        "fuel": "petrol", "ride_types": ["boda", "delivery"], "insurance_number": "SON-0000042",
        "insurance_expires_on": later, "inspection_expires_on": later,
    }
    call("PUT", "/drivers/me", papers, driver)
    identity = call("GET", "/me", token=driver)["id"]
    call("POST", f"/admin/drivers/{identity}/approve", {}, admin_token)
    call("POST", "/drivers/me/online", {"lat": -1.95, "lng": 30.06}, driver)


def main():
    tokens = {"admin": admin("+250788100001")}
    tokens["customer"] = registered("customer", "+250788100002")
    tokens["driver"] = registered("driver", "+250788100003")
    tokens["government"] = employed("government", "+250788100004", tokens["admin"])
    tokens["agent"] = employed("agent", "+250788100005", tokens["admin"])
    tokens["partner"] = partner(tokens["admin"])
    put_on_shift(tokens["driver"], tokens["admin"])
    for role, token in tokens.items():
        print(role, token)


main()
