package host

// An FS has files.
type FS interface{}
