// Package looptest tests code that is written on takt: it finds concurrency bugs on
// purpose, and replays them.
package looptest
