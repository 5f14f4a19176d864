//! The engine as a whole: every preset by the table, recipes as users write them, and properties.

mod properties;
mod recipes;
mod table;
