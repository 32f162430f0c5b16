// Package holes has mutants that its tests do not notice.
package holes

// Double is tested by package ops only.
func Double(n int) int {
	if n == 0 { // equivalent
		return 0
	}
	return n + n
}

// Max has a test that does not notice every mutant.
func Max(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// Never has no test.
func Never(to *int) {
	*to = 1
}

// Spin hangs with the wrong condition.
func Spin(n int) {
	for n < 0 {
	}
}
