package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/takt-go/takt/task/host"
)

// A connection begins with a byte that says what it carries, and then has frames: four bytes with the length
// of the rest, and the rest.
const (
	fromPeer   = 'P' // messages of raft
	fromClient = 'C' // commands, each of which is answered
)

const maxFrame = 16 << 20

// beginFrame appends the place for a length to b, and endFrame fills it in. at is the length of b at the beginning.
func beginFrame(b []byte) []byte       { return append(b, 0, 0, 0, 0) }
func endFrame(b []byte, at int)        { binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4)) }
func frameSize(header []byte) int      { return int(binary.LittleEndian.Uint32(header)) }
func tooLong(n int) error              { return fmt.Errorf("kv: a frame of %d bytes; the limit is %d", n, maxFrame) }
func errShort(what string) error       { return errors.New("kv: " + what + " is cut short") }
func u64(b []byte) uint64              { return binary.LittleEndian.Uint64(b) }
func addU64(b []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(b, n) }

// readFrame reads a frame, into buf if there is room.
func readFrame(ctx context.Context, r *host.Reader, buf []byte) ([]byte, error) {
	header, err := r.Peek(ctx, 4)
	if err != nil {
		return nil, err
	}
	n := frameSize(header)
	if n > maxFrame {
		return nil, tooLong(n)
	}
	if _, err := r.Discard(ctx, 4); err != nil {
		return nil, err
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	_, err = r.ReadFull(ctx, buf[:n])
	return buf[:n], err
}

// An op is what a command does.
type op byte

const (
	opPut op = iota + 1
	opAppend
	opGet
)

// A command is a request of a client. Its encoding is what a client sends, and the data of an entry in the log.
type command struct {
	op         op
	client     uint64
	seq        uint64 // of the client's requests, from 1
	key, value string
}

const commandHeader = 1 + 8 + 8 + 2

func (c *command) appendTo(b []byte) []byte {
	b = append(b, byte(c.op))
	b = addU64(b, c.client)
	b = addU64(b, c.seq)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.key)))
	b = append(b, c.key...)
	return append(b, c.value...)
}

func parseCommand(b []byte) (c command, err error) {
	if len(b) < commandHeader {
		return c, errShort("a command")
	}
	c = command{op: op(b[0]), client: u64(b[1:]), seq: u64(b[9:])}
	n := int(binary.LittleEndian.Uint16(b[17:]))
	if b = b[commandHeader:]; len(b) < n {
		return c, errShort("a command")
	}
	c.key, c.value = string(b[:n]), string(b[n:])
	if c.op < opPut || c.op > opGet {
		return c, fmt.Errorf("kv: there is no operation %d", c.op)
	}
	return c, nil
}

// A verdict is how a node answers a command.
type verdict byte

const (
	done    verdict = iota + 1 // carried out; with the value for opGet
	refused                    // not carried out, and it never will be
	unknown                    // it may have been carried out, or may be later
)

// An answer is the answer to a command.
type answer struct {
	seq     uint64
	verdict verdict
	leader  byte   // the number of the leader, if the node knows another one; or 0
	value   string // for opGet
}

func (a *answer) appendTo(b []byte) []byte {
	b = addU64(b, a.seq)
	b = append(b, byte(a.verdict), a.leader)
	return append(b, a.value...)
}

func parseAnswer(b []byte) (answer, error) {
	if len(b) < 10 {
		return answer{}, errShort("an answer")
	}
	return answer{seq: u64(b), verdict: verdict(b[8]), leader: b[9], value: string(b[10:])}, nil
}
