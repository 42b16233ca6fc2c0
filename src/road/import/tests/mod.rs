mod damage;
mod extract;
mod names;
mod shared;
mod streets;
mod turning;
