"""The daemon's own front: its tokens and its HTTP application."""

from rollout.daemon.auth import open_tokens
from rollout.daemon.http.app import make_app
from rollout.daemon.serve import Front

FRONT = Front(open_tokens, make_app)
