"""Who may ask a daemon for what: tokens of persons, kept hashed; sessions and tickets that come from them."""

from rollout.daemon.auth.opening import open_tokens as open_tokens
