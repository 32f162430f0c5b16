// Package sim is a simulated world for programs that are written on package task/host: machines that crash, a network
// that delays, loses and cuts, disks that forget, and clocks that are wrong. All of it is decided by the schedule of
// a test of package looptest.
package sim
