package sim

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/takt-go/takt/loop/internal/world"
	"github.com/takt-go/takt/loop/looptest"
)

// The report of a crash counts writes, whole and in part, and other changes by their kind.
func TestDamageIsCounted(t *testing.T) {
	for want, d := range map[string]damage{
		"":                                  {},
		"1 write lost":                      {lost: 1},
		"2 writes torn":                     {torn: 2},
		"3 writes lost, 1 torn":             {lost: 3, torn: 1},
		"1 write torn, 1 mkdir undone":      {torn: 1, undone: []string{"mkdir"}},
		"2 creates undone, 1 rename undone": {undone: []string{"create", "rename", "create"}},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	write := func(pieces ...bool) (log []piece, kept []bool) {
		for range pieces {
			log = append(log, piece{bytes: []byte{1}})
		}
		return log, pieces
	}
	for want, pieces := range map[string][]bool{"": {true, true}, "1 write lost": {false, false}, "1 write torn": {true, false}} {
		var d damage
		d.writes(write(pieces...))
		if got := d.String(); got != want {
			t.Errorf("%v: %q, want %q", pieces, got, want)
		}
	}
}

// A crash that keeps all is silent, and one that keeps nothing tells all.
func TestCrashTellsWhatIsLost(t *testing.T) {
	for choice, want := range []string{"", "2 writes lost, 1 create undone, 1 truncate undone"} {
		d := bareDisk()
		f, err := d.Open("b", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		d.begun = d.seq
		if err := errors.Join(f.Sync(), d.SyncDir("/")); err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write(make([]byte, 2000))
		_ = f.Truncate(10)
		_, _ = f.Write([]byte("text"))
		_, _ = d.Open("a", os.O_RDWR|os.O_CREATE, 0o600)
		if got := d.crash(choice, nil); got != want {
			t.Errorf("choice %d: %q, want %q", choice, got, want)
		}
	}
}

// Each fault is told, with the name of its choice.
func TestFaultsOfADiskAreTold(t *testing.T) {
	var all []string
	looptest.Explore(t, looptest.Sample(1, 300), func(ctx context.Context, t *looptest.T) {
		w := New(ctx, t)
		w.record = func(e world.Event) {
			if e.Kind == world.Fault && e.Node == "a" && !slices.Contains(all, e.Text) {
				all = append(all, e.Text)
			}
		}
		n := w.add("a", nil)
		n.machine = newMachine(n)
		fsys := n.machine.host.FS
		f, err := fsys.OpenFile(ctx, "/f", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n.SetDisk(DiskFaults{SyncFails: 0.5, Slow: 0.5, Full: 0.5, ReadFails: 0.5, ReadFlips: 0.5})
		_, _ = f.WriteAt([]byte("text"), 0)
		_ = f.Sync()
		_, _ = f.ReadAt(make([]byte, 4), 0)
		_ = fsys.SyncDir(ctx, "/")
		_ = fsys.Mkdir(ctx, "/d", 0o700)
		n.SetDisk(DiskFaults{Capacity: 4})
		if _, err := f.WriteAt([]byte("text"), 4); !injected(err) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the error is %v", err)
		}
	})
	slices.Sort(all)
	want := []string{
		"a bit of a read of /f flips on a",
		"mkdir of /d finds the disk full on a",
		"mkdir of /d is slow on a",
		"read of /f fails on a",
		"read of /f is slow on a",
		"sync of /f fails on a",
		"sync of /f is slow on a",
		"sync of the directory / fails on a",
		"syncdir of / is slow on a",
		"the disk of a is full",
		"write of /f is slow on a",
		"write to /f finds the disk full on a",
	}
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Errorf("the faults are %q, want %q", all, want)
	}
	if injected(nil) || injected(syscall.EIO) || injected(failure("sync", "a", syscall.EIO)) {
		t.Error("an error of no disk counts as a fault")
	}
}
