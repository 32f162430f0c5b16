package sim

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/takt-go/takt/loop/lowlevel"
	"github.com/takt-go/takt/task/host"
)

type machineKey struct{}

// machineOf returns the machine that the task of ctx belongs to. It returns nil for a task of the test.
func machineOf(ctx context.Context) *machine {
	m, _ := ctx.Value(machineKey{}).(*machine)
	return m
}

// mustOwn panics unless the task of ctx may use the Host of m. what is the method that it calls.
func (m *machine) mustOwn(ctx context.Context, what string) {
	of := machineOf(ctx)
	switch {
	case lowlevel.LoopOf(ctx) != m.node.world.loop:
		panic(fmt.Sprintf("sim: %s on the Host of %v by a task of another run; "+
			"make the world, its nodes and its Hosts anew in each run", what, m))
	case of == m, of == nil && m.realm == nil:
	case of == nil:
		panic(fmt.Sprintf("sim: %s on the Host of %v by a task of the test; "+
			"use World.Host for the test, and spawn the tasks of a node with the context that its program was given", what, m))
	default:
		panic(fmt.Sprintf("sim: %s on the Host of %v by a task of %v; "+
			"a program uses only the Host that it was given", what, m, of))
	}
}

// ownNet is the network of a machine for the tasks of this machine alone.
type ownNet struct {
	net host.Network
	of  *machine
}

func (n ownNet) Dial(ctx context.Context, network, address string) (*host.Conn, error) {
	n.of.mustOwn(ctx, "Dial")
	return n.net.Dial(ctx, network, address)
}

func (n ownNet) Listen(ctx context.Context, network, address string) (*host.Listener, error) {
	n.of.mustOwn(ctx, "Listen")
	return n.net.Listen(ctx, network, address)
}

func (n ownNet) ListenPacket(ctx context.Context, network, address string) (*host.PacketConn, error) {
	n.of.mustOwn(ctx, "ListenPacket")
	return n.net.ListenPacket(ctx, network, address)
}

// ownFS has the files of a machine for the tasks of this machine alone.
type ownFS struct {
	fs host.FS
	of *machine
}

func (f ownFS) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (host.File, error) {
	f.of.mustOwn(ctx, "OpenFile")
	return f.fs.OpenFile(ctx, name, flag, perm)
}

func (f ownFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	f.of.mustOwn(ctx, "Stat")
	return f.fs.Stat(ctx, name)
}

func (f ownFS) ReadDir(ctx context.Context, name string) ([]fs.DirEntry, error) {
	f.of.mustOwn(ctx, "ReadDir")
	return f.fs.ReadDir(ctx, name)
}

func (f ownFS) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	f.of.mustOwn(ctx, "Mkdir")
	return f.fs.Mkdir(ctx, name, perm)
}

func (f ownFS) Rename(ctx context.Context, oldname, newname string) error {
	f.of.mustOwn(ctx, "Rename")
	return f.fs.Rename(ctx, oldname, newname)
}

func (f ownFS) Remove(ctx context.Context, name string) error {
	f.of.mustOwn(ctx, "Remove")
	return f.fs.Remove(ctx, name)
}

func (f ownFS) SyncDir(ctx context.Context, name string) error {
	f.of.mustOwn(ctx, "SyncDir")
	return f.fs.SyncDir(ctx, name)
}
