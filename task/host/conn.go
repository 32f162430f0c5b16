package host

// A Conn is a connection.
type Conn struct{}
