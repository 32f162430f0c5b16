// Package host has what a program takes from its machine: network, files, chance and the time of day,
// for tasks.
//
// A [Host] is the machine. [System] returns the real one. A program takes the Host, or the parts of it
// that it needs, as an argument, and uses no other network and no other files. Then the same program also
// runs on a machine that a test makes up.
package host
