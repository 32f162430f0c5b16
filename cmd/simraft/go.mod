module github.com/takt-go/takt/cmd/simraft

go 1.25.0

replace github.com/takt-go/takt => ../..

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/takt-go/takt v0.0.0-00010101000000-000000000000
	go.etcd.io/raft/v3 v3.6.0
)

require (
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/google/btree v1.1.3 // indirect
	google.golang.org/protobuf v1.33.0 // indirect
)
