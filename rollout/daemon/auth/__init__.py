"""Who may ask a daemon for what: tokens of persons, kept hashed; sessions and tickets that come from them."""
