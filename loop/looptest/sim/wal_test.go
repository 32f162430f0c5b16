package sim_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/takt-go/takt/loop/looptest"
	"github.com/takt-go/takt/loop/looptest/sim"
	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
	"github.com/takt-go/takt/task/lock"
)

// The flaws of the log.
const (
	noChecksum   flaw = "the log has no checksums"
	ackEarly     flaw = "a put is acknowledged before the log is synced"
	noSyncOfName flaw = "the new log is renamed without a SyncDir"
	noSyncOfNew  flaw = "the new log is renamed before it is synced"
	noTruncation flaw = "the log goes on behind a torn record"
	syncAgain    flaw = "a sync that has failed is tried again"
	sameLog      flaw = "the log goes on after a sync that has failed"
)

// A wal is a write-ahead log: a file of records. Each record has its length, a checksum and a text.
type wal struct {
	fs      host.FS
	name    string
	flaw    flaw
	f       host.File
	size    int64
	records int
}

const walHeader = 8

func walRecord(text string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(append(slices.Clone(b), text...)))
	return append(b, text...)
}

// parse returns the record at the beginning of b. ok is false if there is no whole record.
func (l *wal) parse(b []byte) (text string, ok bool) {
	if len(b) < walHeader {
		return "", false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || uint64(n) > uint64(len(b)-walHeader) {
		return "", false
	}
	text = string(b[walHeader : walHeader+n])
	return text, l.flaw == noChecksum || bytes.HasPrefix(b, walRecord(text))
}

// openWAL reads a log, or makes it, and returns the texts of its records. What is behind the last whole record was never
// acknowledged. The texts go into a new file: the program may have read what the disk has not, because a sync had failed.
func openWAL(ctx context.Context, fs host.FS, name string, f flaw) (l *wal, texts []string, err error) {
	l = &wal{fs: fs, name: name, flaw: f}
	all, err := host.ReadFile(ctx, fs, name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	for {
		text, ok := l.parse(all[l.size:])
		if !ok {
			break
		}
		texts = append(texts, text)
		l.size += walHeader + int64(len(text))
	}
	if l.records = len(texts); l.records == 0 || f != noTruncation && f != sameLog {
		return l, texts, l.replace(ctx, texts)
	}
	if l.f, err = fs.OpenFile(ctx, name, os.O_RDWR, 0o600); err == nil && f == sameLog {
		err = cmp.Or(l.f.Truncate(l.size), l.f.Sync())
	} else {
		l.size = int64(len(all))
	}
	return l, texts, err
}

// add adds a record, and makes it durable. One task calls it at a time.
func (l *wal) add(ctx context.Context, text string) error {
	n, err := l.f.WriteAt(walRecord(text), l.size)
	l.size += int64(n)
	l.records++
	if err != nil || l.flaw == ackEarly && l.records%4 != 0 { // it syncs now and then
		return err
	}
	if err = l.f.Sync(); err != nil && l.flaw == syncAgain {
		if l.f, err = l.fs.OpenFile(ctx, l.name, os.O_RDWR, 0o600); err == nil {
			err = l.f.Sync()
		}
	}
	return err
}

// replace replaces all records by others.
func (l *wal) replace(ctx context.Context, texts []string) error {
	f, err := l.fs.OpenFile(ctx, l.name+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	var all []byte
	for _, text := range texts {
		all = append(all, walRecord(text)...)
	}
	if _, err := f.WriteAt(all, 0); err != nil {
		return err
	}
	if l.flaw != noSyncOfNew {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := l.fs.Rename(ctx, l.name+".new", l.name); err != nil {
		return err
	}
	if l.f != nil {
		_ = l.f.Close()
	}
	l.f, l.size, l.records = f, int64(len(all)), len(texts)
	if l.flaw == noSyncOfName {
		return nil
	}
	return l.fs.SyncDir(ctx, ".")
}

// A walStore keeps versions of values in a log. A put with an older version has no effect.
type walStore struct {
	one    lock.Mutex // one put at a time
	log    *wal
	values map[string]walValue
}

type walValue struct {
	version int
	text    string
}

func runStore(f flaw) program {
	return func(ctx context.Context, h *host.Host) error {
		log, texts, err := openWAL(ctx, h.FS, "log", f)
		if err != nil {
			return err
		}
		s := &walStore{log: log, values: map[string]walValue{}}
		for _, text := range texts {
			s.apply(strings.Fields(text))
		}
		return answers(ctx, h, s.answer)
	}
}

// apply carries out a record: a key, a version and a value.
func (s *walStore) apply(record []string) {
	if len(record) == 3 {
		version, _ := strconv.Atoi(record[1])
		s.values[record[0]] = walValue{version, record[2]}
	}
}

func (s *walStore) answer(ctx context.Context, command string, args []string) (string, error) {
	if err := s.one.Lock(ctx); err != nil {
		return "", err
	}
	defer s.one.Unlock()
	if command == "get" {
		v := s.values[args[0]]
		return fmt.Sprint(v.version, " ", v.text), nil
	}
	if version, _ := strconv.Atoi(args[1]); version > s.values[args[0]].version {
		if err := s.log.add(ctx, strings.Join(args, " ")); err != nil {
			return "", err
		}
		s.apply(args)
	}
	if s.log.records > 10 {
		var texts []string
		for _, key := range slices.Sorted(maps.Keys(s.values)) {
			texts = append(texts, fmt.Sprint(key, " ", s.values[key].version, " ", s.values[key].text))
		}
		if err := s.log.replace(ctx, texts); err != nil {
			return "", err
		}
	}
	return "ok", nil
}

// walText is the value of a version. Some values fill several blocks of the disk.
func walText(key string, version int) string {
	return strings.Repeat(key+strconv.Itoa(version), 1+version*version*37%300)
}

// walClient puts versions of one key, and gets them.
type walClient struct {
	t            *looptest.T
	h            *host.Host
	key          string
	tried, acked int // versions
}

func (c *walClient) put(ctx context.Context) {
	c.tried++
	answer, err := call(ctx, c.h, "store:7000", 200*time.Millisecond, "put %s %d %s", c.key, c.tried, walText(c.key, c.tried))
	if err == nil && answer == "ok" {
		c.acked = c.tried
	}
}

// get fails the test if the store has lost a version that it has acknowledged, or has a value that nobody has put.
func (c *walClient) get(ctx context.Context) error {
	acked := c.acked
	answer, err := call(ctx, c.h, "store:7000", 200*time.Millisecond, "get %s", c.key)
	if err != nil {
		return err
	}
	number, text, _ := strings.Cut(answer, " ")
	switch version, err := strconv.Atoi(number); {
	case err != nil || version > c.tried || version > 0 && text != walText(c.key, version):
		c.t.Fatalf("wrong: %s has version %s, %.100q", c.key, number, text)
	case version < acked:
		c.t.Fatalf("lost: %s has version %d, and version %d was acknowledged", c.key, version, acked)
	}
	return nil
}

func testStore(ctx context.Context, t *looptest.T, w *sim.World, f flaw) {
	exited := false // because a sync has failed
	store := w.Node("store", func(ctx context.Context, h *host.Host) error {
		err := runStore(f)(ctx, h)
		exited = true
		return err
	})
	supervisor := spawn(ctx, "supervisor", func(ctx context.Context) error {
		for {
			if err := task.Sleep(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			if exited && !store.Up() {
				exited = false
				store.Start()
			}
		}
	})
	w.Faults(ctx, sim.Plan{
		For: time.Second, Every: 150 * time.Millisecond, Down: 50 * time.Millisecond,
		Crash: 1, Disk: sim.DiskFaults{SyncFails: 0.02},
	})
	var clients []*walClient
	var all []*task.Task[none]
	for _, key := range []string{"a", "b"} {
		c := &walClient{t: t, h: w.Host("client"), key: key}
		clients = append(clients, c)
		all = append(all, spawn(ctx, key, func(ctx context.Context) error {
			for c.tried < 60 {
				c.put(ctx)
				if c.tried%5 == 0 {
					_ = c.get(ctx)
				}
				if err := task.Sleep(ctx, 10*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	if err := task.Gather(all...).Wait(ctx); err != nil {
		t.Fatal(err)
	}
	supervisor.Cancel(nil)
	_ = supervisor.Wait(ctx)
	w.Quiet(ctx)
	for _, c := range clients {
		w.Eventually(ctx, 10*time.Second, func() error { return c.get(ctx) })
	}
}

func TestWriteAheadLog(t *testing.T) {
	huntAll(t, 300, testStore,
		hunt{noChecksum, "wrong: "},
		hunt{ackEarly, "lost: "},
		hunt{noSyncOfName, "lost: "},
		hunt{noSyncOfNew, "lost: "},
		hunt{noTruncation, "lost: "},
		hunt{syncAgain, "lost: "},
		hunt{sameLog, "lost: "},
	)
}
