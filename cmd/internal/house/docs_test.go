package house

import (
	"bytes"
	"go/ast"
	"image/png"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the pages for users. The tests below check the programs, outputs and names in them.
var pages = []string{"README.md", "task/ASYNCIO.md"}

const (
	maxReadme  = 200 // lines
	maxPicture = 100 << 10
)

// readPage returns the text of a page.
func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unindented is text without the space around its lines, and without empty lines.
func unindented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// blocks returns the fenced blocks of a page that are in a language.
func blocks(page, language string) (all []string) {
	for _, block := range strings.Split(page, "\n```"+language+"\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```\n")
		all = append(all, block+"\n")
	}
	return all
}

// examples returns the texts of the test files. The examples are in such files, so the compiler and
// go test check them.
func examples(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		all = append(all, unindented(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parts returns the parts of a Go block that have to stand in an example: the text before func
// main, and the body of main. In an example, the function has another name.
func parts(block string) []string {
	before, body, isProgram := strings.Cut(block, "func main() {\n")
	if !isProgram {
		return []string{block}
	}
	return []string{before, strings.TrimSuffix(strings.TrimSpace(body), "\n}")}
}

// commented is text as the lines of a comment, which begin with "//".
func commented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(unindented(text)) {
		b.WriteString("// " + line)
	}
	return b.String()
}

var (
	emptyComment   = regexp.MustCompile(`(?m)^//\n`)
	commentMarkers = regexp.MustCompile(`(?m)^//[ \t]*`)
)

// uncommented is an example's text with one space behind each "//", and without empty lines.
func uncommented(text string) string {
	return commentMarkers.ReplaceAllString(emptyComment.ReplaceAllString(text, ""), "// ")
}

// Each program in a page stands in an example, line by line. Each output in a page is the output of
// an example.
func TestPrograms(t *testing.T) {
	all := examples(t)
	has := func(part string) bool {
		return slices.ContainsFunc(all, func(file string) bool { return strings.Contains(file, part) })
	}
	hasOutput := func(part string) bool {
		return slices.ContainsFunc(all, func(file string) bool { return strings.Contains(uncommented(file), part) })
	}
	for _, page := range pages {
		text := readPage(t, page)
		for _, block := range blocks(text, "go") {
			for _, part := range parts(block) {
				if !has(unindented(part)) {
					t.Errorf("this part of a program in %s is in no example:\n%s", page, part)
				}
			}
		}
		for _, block := range blocks(text, "text") {
			if !hasOutput(commented(block)) {
				t.Errorf("this output in %s is that of no example:\n%s", page, block)
			}
		}
	}
	if text := readPage(t, "README.md"); len(blocks(text, "go")) < 2 || len(blocks(text, "text")) < 3 {
		t.Error("README.md has fewer programs and outputs than it should; is a fence written in another way?")
	}
}

func TestBlocksAreRecognized(t *testing.T) {
	page := "text\n```go\nx := 1\n```\nmore\n```text\n  1\n```\n```go\nfunc f() {}\nfunc main() {\n\tf()\n}\n```\n"
	if got, want := blocks(page, "go"), []string{"x := 1\n", "func f() {}\nfunc main() {\n\tf()\n}\n"}; !slices.Equal(got, want) {
		t.Errorf("the Go blocks are %q, want %q", got, want)
	}
	if got, want := blocks(page, "text"), []string{"  1\n"}; !slices.Equal(got, want) {
		t.Errorf("the text blocks are %q, want %q", got, want)
	}
	if got, want := parts("func f() {}\nfunc main() {\n\tf()\n}\n"), []string{"func f() {}\n", "f()"}; !slices.Equal(got, want) {
		t.Errorf("the parts of a program are %q, want %q", got, want)
	}
	if got, want := commented("  a\n\n\tb\n"), uncommented("//   a\n// b\n"); got != want {
		t.Errorf("an output is %q, and that of an example %q", got, want)
	}
}

func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(readPage(t, "README.md"), "\n"); n > maxReadme {
		t.Errorf("README.md has %d lines, want at most %d; move details into the documentation of the packages", n, maxReadme)
	}
}

var (
	link   = regexp.MustCompile(`\]\(([^)#]+)\)`)
	fenced = regexp.MustCompile("(?s)\n```.*?\n```\n")
)

// The files that a page refers to exist.
func TestLinks(t *testing.T) {
	markdown, err := filepath.Glob(root + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(markdown, root+"/task/ASYNCIO.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(fenced.ReplaceAllString(string(text), ""), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s refers to a file that is not there: %v", filepath.Base(name), err)
			}
		}
	}
}

// The README's picture is a picture, and small. make picture draws it.
func TestPicture(t *testing.T) {
	const picture = "testdata/timeline.png"
	if !strings.Contains(readPage(t, "README.md"), "]("+picture+")") {
		t.Errorf("README.md does not show %s", picture)
	}
	data, err := os.ReadFile(filepath.Join(root, picture))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Errorf("%s: %v", picture, err)
	}
	if len(data) > maxPicture {
		t.Errorf("%s has %d bytes, want at most %d", picture, len(data), maxPicture)
	}
}

// methods returns the exported methods of the types in some packages.
func methods(t *testing.T, pkgs ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	readSource(t, 0, func(pkg, file string, source *ast.File) {
		if !slices.Contains(pkgs, pkg) || strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, d := range source.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.IsExported() {
				names[f.Name.Name] = true
			}
		}
	})
	return names
}

// In a page, l is a loop, t a task, f a future and g a group.
var (
	code   = regexp.MustCompile("`[^`\n]+`")
	method = regexp.MustCompile(`\b([ltfg])\.([A-Z]\w*)`)
)

// The names of the library in the code of a page exist.
func TestNamesInPages(t *testing.T) {
	exported := map[string]bool{}
	for name := range declared(t) {
		exported[path.Base(name)] = true
	}
	owners := map[string]map[string]bool{
		"l": methods(t, "loop"), "t": methods(t, "loop", "future", "task"), "f": methods(t, "future", "task"), "g": methods(t, "task"),
	}
	owners["t"]["FailNow"] = true // of a test
	found := 0
	for _, page := range pages {
		for _, text := range code.FindAllString(readPage(t, page), -1) {
			for _, name := range mention.FindAllString(text, -1) {
				found++
				if !exported[name] {
					t.Errorf("%s names %s, which is not there: %s", page, name, text)
				}
			}
			for _, m := range method.FindAllStringSubmatch(text, -1) {
				found++
				if !owners[m[1]][m[2]] {
					t.Errorf("%s names the method %s, which is not there: %s", page, m[0], text)
				}
			}
		}
	}
	if found < 80 {
		t.Errorf("%d names were found in the pages; there are more", found)
	}
}

// The examples that the page about asyncio names exist.
func TestExamplesOfAsyncio(t *testing.T) {
	source := readPage(t, "task/example_asyncio_test.go")
	rows := 0
	for line := range strings.Lines(readPage(t, "task/ASYNCIO.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		rows++
		for name := range strings.SplitSeq(strings.TrimSpace(cells[3]), ", ") {
			name = strings.Trim(name, "`")
			if name != "" && !strings.Contains(source, "\nfunc Example_"+name+"() {\n") {
				t.Errorf("task/ASYNCIO.md names the example %q, which is not in task/example_asyncio_test.go", name)
			}
		}
	}
	if rows < 60 {
		t.Errorf("%d rows were found in the tables of task/ASYNCIO.md; there are more", rows)
	}
}
