module github.com/takt-go/takt/cmd/service

go 1.25.0

replace github.com/takt-go/takt => ../..

require (
	github.com/takt-go/takt v0.0.0-00010101000000-000000000000
	golang.org/x/sync v0.18.0
)

require github.com/google/btree v1.1.3 // indirect
