//! Input that is legal and rare.
