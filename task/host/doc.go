// Package host has what a program takes from its machine: network, files, chance and the time of day,
// for tasks.
//
// A [Host] is the machine. [System] returns the real one. A program takes the Host, or the parts of it
// that it needs, as an argument, and uses no other network and no other files. Then the same program also
// runs on a machine that a test makes up.
//
// # Servers
//
// [Serve] accepts connections, and runs a function for each of them in a task of its own. It limits their
// number, goes on after errors, and ends with a grace period. [TLSServer] and [TLSClient] begin TLS on a
// connection.
//
// # Locks of other packages
//
// Read and Write of a [Conn] suspend the task in the middle of the code that calls them. Most code does not
// notice. But some code holds a lock of package sync meanwhile. If a second task needs that lock, it blocks the
// goroutine of the loop. Then no task goes on any more, also not the one that could release the lock: the
// program hangs, and the loop cannot report a deadlock. (The loop's debug mode reports the step that blocks: see
// loop.WithDebug.) So let only one task at a time use
//
//   - a [crypto/tls.Conn]. Even one task in Read and another in Write is too much. Use [TLSServer] and [TLSClient];
//   - the Body of a request or response of net/http: also Close waits while another task is in Read;
//   - an Encoder or a Decoder of encoding/gob;
//   - the Pipeline methods of a Conn of net/textproto;
//   - a [log.Logger], or a handler of log/slog, that writes to a Conn. Let it write to a queue instead. The same
//     holds for the KeyLogWriter of a tls.Config, whose lock all connections share;
//   - a sync.Once, sync.OnceFunc and the like around code that reads or writes.
//
// A lock of package task/lock suspends only its task. The other parts of these packages, and bufio, compress,
// encoding/json, encoding/xml, mime/multipart and so on, hold no locks. Of their objects, too, one task at a time
// uses one, as with goroutines.
//
// Code that uses connections on goroutines of its own cannot use a Conn, whose methods panic there: the Server,
// Client and Transport of net/http, and net/rpc. [net/http.ReadRequest], [net/http.ReadResponse] and Write of
// requests and responses make none, with one exception: Write of a request with a method such as GET, and with a
// Body whose length is not known (ContentLength is negative), reads the Body on a goroutine. An [io.Pipe] blocks its goroutine: tasks use [Pipe].
package host
