package trace_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser is a headless Chromium, driven by the WebDriver protocol.
type browser struct {
	t       *testing.T
	client  http.Client
	session string // its URL
}

// startBrowser starts a browser with a new profile. The browser ends with the test. If Chromium is not
// installed, the test is skipped.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	driver, err2 := exec.LookPath("chromedriver")
	if err := errors.Join(err, err2); err != nil {
		t.Skip("this test needs Chromium (apt-get install chromium chromium-driver)")
	}
	b := &browser{t: t}
	base := b.startDriver(driver)
	var made struct{ SessionId string }
	b.call("POST", base+"/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":       "chrome",
		"goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{
			"binary": chromium,
			"args": []string{
				"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync",
				"--disable-dev-shm-usage", "--window-size=1280,800", "--user-data-dir=" + t.TempDir(),
			},
		},
	}}}, &made)
	b.session = base + "/session/" + made.SessionId
	t.Cleanup(func() { b.call("DELETE", b.session, nil, nil) })
	return b
}

// startDriver starts chromedriver on a free port and returns its URL.
func (b *browser) startDriver(path string) string {
	b.t.Helper()
	cmd := exec.Command(path, "--port=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		b.client.CloseIdleConnections()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b.client.Transport = new(http.Transport)
	b.client.Timeout = time.Minute
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "started successfully on port "); ok {
			return "http://127.0.0.1:" + strings.TrimRight(rest, ".")
		}
	}
	b.t.Fatal("chromedriver does not say on which port it listens")
	return ""
}

// call makes a request, and decodes the value of the answer into result.
func (b *browser) call(method, url string, body, result any) {
	b.t.Helper()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, url, in)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %s %v\n%s", method, url, answer.Status, err, text)
	}
	if result == nil {
		return
	}
	value := struct{ Value any }{result}
	if err := json.Unmarshal(text, &value); err != nil {
		b.t.Fatalf("%s %s: %v\n%s", method, url, err, text)
	}
}

// open writes a page to a file, and shows it.
func (b *browser) open(page []byte) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "timeline.html")
	if err := os.WriteFile(path, page, 0o666); err != nil {
		b.t.Fatal(err)
	}
	b.call("POST", b.session+"/url", map[string]string{"url": "file://" + path}, nil)
	b.settle()
}

// settle waits until the page has drawn its changes.
func (b *browser) settle() {
	b.t.Helper()
	b.call("POST", b.session+"/execute/async", map[string]any{
		"script": "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))",
		"args":   []any{},
	}, nil)
}

// eval runs a script in the page, and returns the result as text.
func (b *browser) eval(script string, args ...any) string {
	b.t.Helper()
	var result any
	b.call("POST", b.session+"/execute/sync", map[string]any{"script": script, "args": append([]any{}, args...)}, &result)
	return fmt.Sprint(result)
}

// keys presses keys, one after another, for the element that has the focus.
func (b *browser) keys(text string) {
	b.t.Helper()
	var actions []map[string]any
	for _, r := range text {
		actions = append(actions, map[string]any{"type": "keyDown", "value": string(r)}, map[string]any{"type": "keyUp", "value": string(r)})
	}
	b.act(map[string]any{"type": "key", "id": "keys", "actions": actions})
}

// The codes of keys in WebDriver.
const (
	keyTab    = "\ue004"
	keyEnter  = "\ue007"
	keyEscape = "\ue00c"
	keyEnd    = "\ue010"
	keyHome   = "\ue011"
	keyDown   = "\ue015"
	keyUp     = "\ue013"
	keyRight  = "\ue014"
)

// pointer sends mouse actions. Each action has the fields that WebDriver requires.
func (b *browser) pointer(actions ...map[string]any) {
	b.t.Helper()
	b.act(map[string]any{"type": "pointer", "id": "mouse", "parameters": map[string]any{"pointerType": "mouse"}, "actions": actions})
}

// wheel turns the wheel at a point by dy pixels.
func (b *browser) wheel(x, y, dy int) {
	b.t.Helper()
	b.act(map[string]any{"type": "wheel", "id": "wheel", "actions": []map[string]any{
		{"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": dy, "duration": 0, "origin": "viewport"},
	}})
}

func (b *browser) act(source map[string]any) {
	b.t.Helper()
	b.call("POST", b.session+"/actions", map[string]any{"actions": []any{source}}, nil)
	b.settle()
}

// prefer sets the color scheme that the user of the browser prefers, "light" or "dark".
func (b *browser) prefer(scheme string) {
	b.t.Helper()
	b.call("POST", b.session+"/goog/cdp/execute", map[string]any{"cmd": "Emulation.setEmulatedMedia", "params": map[string]any{
		"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}},
	}}, nil)
	b.settle()
}

// screenshot returns a picture of the browser's window, as a PNG.
func (b *browser) screenshot() []byte {
	b.t.Helper()
	var encoded string
	b.call("GET", b.session+"/screenshot", nil, &encoded)
	png, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}

// console returns the lines that the page, or the browser about the page, has written to the console
// since the last call.
func (b *browser) console() []string {
	b.t.Helper()
	var entries []struct{ Level, Message string }
	b.call("POST", b.session+"/se/log", map[string]string{"type": "browser"}, &entries)
	var lines []string
	for _, e := range entries {
		lines = append(lines, e.Level+": "+e.Message)
	}
	return lines
}
