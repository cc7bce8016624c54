//! The API keys of a namespace: made, listed, revoked, and read by the services that check them.

use super::error::KeyError;
use super::key::{ApiKey, KeyToken, MadeKey, NewKey};
use crate::builder::Builder;
use crate::change::Change;
use crate::engine::{
    KeyMake, KeyMakeReply, KeyRevoke, KeyTouch, KeysRead, KeysReply, Malformed, Reply, Script,
};
use crate::error::Error;
use crate::gate::Tollgate;
use crate::identity;
use crate::library::Library;
use crate::store::StoreError;

/// An id is drawn again where it is taken, which nobody will live to see.
const TRIES: usize = 5;

/// As many keys as the store keeps for a namespace.
const KEYS_MAX: usize = 1_000;

/// The API keys of a namespace. They are in its store, and hold for every service that serves it.
///
/// Cheap to clone; made by [`Tollgate::api_keys`], or by [`Builder::api_keys`] for a namespace that has no policy yet.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tollgate::Error> {
/// use tollgate::{Change, NewKey, Policy, Role, Tollgate};
///
/// let keys = Tollgate::embedded(Policy::from_toml("namespace = 'shop'")?).await?.api_keys();
/// let ann = NewKey { role: Role::Admin, label: "ann".to_owned(), expires_at_us: None };
/// let made = keys.make(&ann, &Change::default()).await?;
/// println!("keep this: {}", made.token.expose());
/// assert_eq!(keys.list().await?[0].label, "ann");
/// keys.revoke(&made.key.id, &Change::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ApiKeys {
    library: Library,
}

/// The keys at a moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeysSeen {
    /// The moment, in microseconds since 1970 by the store's clock.
    pub now_us: u64,
    /// Another one after each change of the keys. "" where the namespace never had a key, [`KeysSeen::LOST`] where the
    /// store has lost them.
    pub tag: String,
    /// All of them; `None` where the tag is the one that is known.
    pub keys: Option<Vec<ApiKey>>,
}

impl KeysSeen {
    /// The tag of keys that the store has lost, until the next one is made. Whoever knew some has it written by
    /// [`ApiKeys::read`].
    pub const LOST: &str = "lost";
}

impl Tollgate {
    /// The API keys of the namespace, for services that ask who somebody is.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys { library: self.keeper().library().clone() }
    }
}

impl Builder {
    /// The API keys of the namespace, which needs no policy for that. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Namespace`] and [`Error::Address`], as [`Builder::connect`], and [`Error::Store`] if certificates can't
    /// be used.
    pub fn api_keys(self) -> Result<ApiKeys, Error> {
        Ok(ApiKeys { library: self.library()? })
    }
}

impl ApiKeys {
    pub(crate) fn of(library: Library) -> Self {
        Self { library }
    }

    /// Makes a key. Its token is in the answer, and nowhere else. The audit trail tells who made it, for whom and for
    /// what.
    ///
    /// From the first key on every service of the namespace asks for one, within two seconds. It has to be an admin's.
    ///
    /// # Errors
    /// [`Error::Key`] if the label can't be kept, there are 1,000 keys already, the first one is no admin's, or its end
    /// is past or later than can be counted; [`Error::Change`] if a text of `change` can't be kept, [`Error::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the key may be there, with a token that nobody knows: revoke it then.
    pub async fn make(&self, new: &NewKey, change: &Change) -> Result<MadeKey, Error> {
        change.check()?;
        if !new.has_label() {
            return Err(KeyError::Label { bytes_max: NewKey::LABEL_BYTES_MAX }.into());
        }
        if let Some(expires_at_us) = new.expires_at_us.filter(|us| *us > NewKey::EXPIRES_AT_US_MAX) {
            return Err(KeyError::TooFar { expires_at_us }.into());
        }
        for _ in 0..TRIES {
            let mut id = identity::random();
            id.truncate(super::key::ID_DIGITS);
            let token = KeyToken::of(&id, &format!("{}{}", identity::random(), identity::random()));
            let make = KeyMake {
                id: id.clone(),
                digest: token.digest(),
                role: new.role.as_str().to_owned(),
                label: new.label.clone(),
                expires_at_us: new.expires_at_us.unwrap_or_default(),
                tag: identity::random(),
                change: change.clone(),
                replica: self.library.replica.clone(),
            };
            return match self.asked(Script::KEY_MAKE, &make.encode(), KeyMake::decode).await? {
                KeyMakeReply::Made(made_at_us) => {
                    let key = ApiKey {
                        id,
                        role: new.role,
                        label: new.label.clone(),
                        author: change.author.clone(),
                        made_at_us,
                        expires_at_us: new.expires_at_us,
                        used_at_us: None,
                        digest: make.digest,
                    };
                    Ok(MadeKey { key, token })
                }
                KeyMakeReply::Taken => continue,
                KeyMakeReply::TooMany => Err(KeyError::TooMany { most: KEYS_MAX }.into()),
                KeyMakeReply::NoAdmin => Err(KeyError::FirstNotAdmin.into()),
                KeyMakeReply::Past(now_us) => {
                    Err(KeyError::Past { expires_at_us: make.expires_at_us, now_us }.into())
                }
            };
        }
        let detail = "every id that was drawn is taken".to_owned();
        Err(StoreError::Answer { script: Script::KEY_MAKE.name(), detail }.into())
    }

    /// All keys, the oldest first, those included that have expired.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self) -> Result<Vec<ApiKey>, Error> {
        Ok(self.read(None).await?.keys.unwrap_or_default())
    }

    /// Revokes a key: every service of the namespace refuses it within two seconds. When the last key is revoked they
    /// refuse everybody, until another one is made. The audit trail tells it.
    ///
    /// # Errors
    /// [`Error::Key`] if this can be no id, or there is no such key; after a lost answer also if it has just been
    /// revoked by this. [`Error::Change`] if a text of `change` can't be kept, [`Error::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done the key may be revoked or not.
    pub async fn revoke(&self, id: &str, change: &Change) -> Result<(), Error> {
        change.check()?;
        ApiKey::check_id(id)?;
        let revoke = KeyRevoke {
            id: id.to_owned(),
            tag: identity::random(),
            change: change.clone(),
            replica: self.library.replica.clone(),
        };
        if self.asked(Script::KEY_REVOKE, &revoke.encode(), KeyRevoke::decode).await? {
            return Ok(());
        }
        Err(KeyError::Unknown { id: id.to_owned() }.into())
    }

    /// The keys as they are now, for who checks them; whoever knows those of the tag `known` is not told them again,
    /// which makes it cheap to ask often. Where the store has lost them it is noted there that there were some: other
    /// services ask for a key then too.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn read(&self, known: Option<&str>) -> Result<KeysSeen, Error> {
        let read = KeysRead { known: known.map(str::to_owned) };
        let KeysReply { now_us, tag, keys } =
            self.asked(Script::KEYS, &read.encode(), KeysRead::decode).await?;
        let is_known = known == Some(tag.as_str());
        let keys = (!is_known).then(|| keys.into_iter().filter_map(ApiKey::of).collect());
        Ok(KeysSeen { now_us, tag, keys })
    }

    /// Notes that keys were used, now. A service says so of each key at most once a minute.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn touch(&self, ids: &[String]) -> Result<(), Error> {
        for ids in ids.chunks(KEYS_MAX) {
            self.asked(Script::KEY_TOUCH, &KeyTouch { ids }.encode(), KeyTouch::decode).await?;
        }
        Ok(())
    }

    async fn asked<T>(
        &self,
        script: &Script,
        argument: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<Reply<T>, Malformed>,
    ) -> Result<T, StoreError> {
        let reply = self.library.ask(script, |_| argument.to_vec()).await?;
        let Reply::Done(reply) = decode(&reply).map_err(|error| StoreError::answer(script, &error))? else {
            let detail = "a status that it does not have".to_owned();
            return Err(StoreError::Answer { script: script.name(), detail });
        };
        Ok(reply)
    }
}
