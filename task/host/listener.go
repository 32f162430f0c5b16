package host

// A Listener accepts connections.
type Listener struct{}
