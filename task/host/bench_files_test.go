package host_test

import (
	"context"
	"os"
	"testing"

	"github.com/takt-go/takt/task"
	"github.com/takt-go/takt/task/host"
)

// These benchmarks read 4 KB that the operating system has in memory: by package os, and by a File.

func BenchmarkReadAtFloorOS(b *testing.B) {
	f, p := page(b), make([]byte, 4096)
	defer f.Close()
	for b.Loop() {
		if _, err := f.ReadAt(p, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadAt(b *testing.B) {
	of, p := page(b), make([]byte, 4096)
	b.ReportAllocs()
	_, err := task.Run(context.Background(), func(ctx context.Context) (int, error) {
		f, err := host.System().FS.OpenFile(ctx, of.Name(), os.O_RDONLY, 0)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		for b.Loop() {
			if _, err := f.ReadAt(p, 0); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	_ = of.Close()
}

// page makes a file of 4 KB, and opens it.
func page(b *testing.B) *os.File {
	f, err := os.Create(b.TempDir() + "/page")
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err != nil {
		b.Fatal(err)
	}
	return f
}
