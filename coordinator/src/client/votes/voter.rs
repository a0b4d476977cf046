//! Somebody who votes, and perhaps signs.

use std::{fmt, sync::Arc};

use nkeys::{KeyPair, KeyPairType};
use orkestra_runtime::{Error, ErrorKind, Result, id::VoterId};
use serde::{Deserialize, Serialize};

use crate::committee::{Ballot, Casting, Digest, Scope, Sealing, Signature, Signed, VoterKey};

/// What a seed of a voter's key is.
const SEED: &str = "the seed of an nkeys user key, which begins with SU";

/// Somebody who votes: a name, and a key if its ballots are signed. The key is shown nowhere.
#[derive(Clone)]
pub struct Voter {
    id: VoterId,
    pair: Option<Arc<KeyPair>>,
}

/// A ballot that is sealed: its voter keeps this until all are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBallot {
    /// What is in it.
    pub ballot: Ballot,
    /// With what it is sealed: nobody else is to know it.
    pub nonce: Digest,
    /// What the voter commits to.
    pub sealed: Digest,
}

impl Voter {
    /// A voter whose ballots are not signed.
    pub const fn unsigned(id: VoterId) -> Self {
        Self { id, pair: None }
    }

    /// A voter who signs with the seed of an nkeys user key.
    pub fn signing(id: VoterId, seed: &str) -> Result<Self> {
        let wrong =
            || Error::new(ErrorKind::Invalid, format!("this is no key of a voter: it is {SEED}"));
        let pair = KeyPair::from_seed(seed.trim()).map_err(|_| wrong())?;
        if pair.key_pair_type() != KeyPairType::User {
            return Err(wrong());
        }
        Ok(Self { id, pair: Some(Arc::new(pair)) })
    }

    /// Who.
    pub const fn id(&self) -> &VoterId {
        &self.id
    }

    /// Whether its ballots are signed.
    pub const fn has_key(&self) -> bool {
        self.pair.is_some()
    }

    /// The public half of its key.
    pub fn key(&self) -> Result<Option<VoterKey>> {
        self.pair.as_ref().map(|pair| pair.public_key().parse()).transpose()
    }

    /// Signs a ballot for a vote.
    pub fn sign_ballot(&self, scope: &Scope, ballot: &Ballot) -> Result<Signed> {
        self.sign(&scope.bytes(&self.id, ballot)).map(Signed::unchecked)
    }

    /// A ballot on its way, signed if this voter signs.
    pub fn casting(&self, scope: &Scope, ballot: Ballot) -> Result<Casting> {
        let signed = self.has_key().then(|| self.sign_ballot(scope, &ballot)).transpose()?;
        Ok(Casting { vote: scope.vote.clone(), voter: self.id.clone(), ballot, signed })
    }

    /// Seals a ballot with a nonce that nobody can guess.
    pub fn seal(&self, scope: &Scope, ballot: Ballot) -> Result<SealedBallot> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|error| {
            let why = "no chance is to be had from the system, so nothing can be sealed";
            Error::new(ErrorKind::Unavailable, format!("{why}: {error}"))
        })?;
        let nonce = Digest(nonce);
        let sealed = scope.seal(&self.id, &nonce, &ballot);
        Ok(SealedBallot { ballot, nonce, sealed })
    }

    /// A sealed ballot on its way, signed if this voter signs.
    pub fn sealing(&self, scope: &Scope, sealed: &SealedBallot) -> Result<Sealing> {
        let (seq, hash) = (sealed.ballot.seq, sealed.sealed);
        let sign = || self.sign(&scope.sealed_bytes(&self.id, seq, &hash)).map(Signed::unchecked);
        let signed = self.has_key().then(sign).transpose()?;
        Ok(Sealing { vote: scope.vote.clone(), voter: self.id.clone(), seq, sealed: hash, signed })
    }

    fn sign(&self, bytes: &[u8]) -> Result<Signature> {
        let Some(pair) = &self.pair else {
            let why = format!("{} has no key to sign with: give {SEED}", self.id);
            return Err(Error::new(ErrorKind::Invalid, why));
        };
        let failed = "the ballot could not be signed";
        let signed = pair
            .sign(bytes)
            .map_err(|error| Error::new(ErrorKind::Fault, failed).because(error))?;
        let signature = <[u8; 64]>::try_from(&signed[..]);
        signature
            .map(Signature)
            .map_err(|error| Error::new(ErrorKind::Fault, failed).because(error))
    }
}

impl fmt::Debug for Voter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Voter");
        shown.field("id", &self.id).field("signs", &self.has_key()).finish_non_exhaustive()
    }
}
