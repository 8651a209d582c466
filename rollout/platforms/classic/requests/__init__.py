"""The operations of the Service Management API, each a frozen record that can write itself as a request."""
