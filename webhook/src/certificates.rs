//! The serving certificate: the webhook's own, or that of a folder which somebody else keeps up to date. Either is replaced
//! without a restart.
//!
//! ```text
//! Secret ── authorities ──┐                       ┌─► caBundle of each registration
//!                         ├─► keeper ─────────────┤
//! clock ──────────────────┘                       └─► served ◄── folder
//! ```

mod authorities;
mod authority;
mod bundle;
mod folder;
mod keeper;
mod served;
mod validity;

pub use authorities::{Authorities, SETTLE, SecretError};
pub use authority::{Authority, AuthorityError};
pub use folder::{FolderError, follow};
pub use keeper::{Keeper, Place, SECRET};
pub use served::Served;
pub use validity::{Validity, ValidityError};
