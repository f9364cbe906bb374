"""Synthetic phones: real SIP and real audio by SIPp, steered live. Used by `hotline demo` and by tests, never by the hotline itself."""
