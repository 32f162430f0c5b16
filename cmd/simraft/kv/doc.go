// Package kv is a key-value store on a cluster of nodes that agree by raft (go.etcd.io/raft/v3). It is an
// ordinary program on package task/host: it takes network, disk and chance from a [host.Host], and runs
// unchanged on host.System() and in the simulated world of package sim.
//
// A node is a [Server]: [Open] recovers it from its disk, and Serve runs it. Programs use the store by a [Client].
//
// # What a node promises
//
// Put, Append and Get are linearizable. A node answers a write when the write is in the log of a majority, on
// disk, and applied. It answers a Get when a majority has confirmed that the node is still the leader
// (ReadIndex). A request has the number of its client and its own number, and a node applies it once,
// however often it is sent: see session.
//
// # Tasks
//
// A task for each connection, and a ticker, tell the raft node what has come, and then do what it wants to be done: send,
// apply, answer (Server.turn). What needs the disk is left to one task, run: write, sync, and then the rest. Meanwhile the raft node
// takes in what comes. Messages are written at once. A task for each peer connects, and writes what has to wait for room.
//
// # Time-outs of elections
//
// raft draws them from the Reader of crypto/rand, which belongs to the process. A simulated world cannot decide
// these numbers, and no two runs would be the same. So this package does not use them. While a node is not the leader, it does
// not call Tick of the raft node, which would compare the time with such a number. It counts by itself, with a number from
// Rand of its host, and calls ForgetLeader when the least time has passed, and Campaign when the drawn one has. The rules are
// raft's own. raft still draws its numbers, but nothing depends on them.
package kv
