//go:build unix

package page_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBrowserDemo opens the page of the demo, whose numbers move as the sandbox goes
// on. THNKS_PICTURE names a file for a picture of it: the README's is made so.
func TestBrowserDemo(t *testing.T) {
	b := newTab(t, 1280, false)
	address := startDemo(t)
	b.visit(address)
	b.until(`document.querySelectorAll('.drawing svg').length > 4`)
	if path := os.Getenv("THNKS_PICTURE"); path != "" {
		b.do(chromedp.EmulateViewport(1280, 1120))
		b.until(`document.querySelector('.drawing svg').getBoundingClientRect().width > 500`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	value[chromedp.Void](b, `window.before = document.getElementById('numbers').innerText.replace(/Made .*/, '')`)
	b.until(`document.getElementById('numbers').innerText.replace(/Made .*/, '') !== window.before`)
	b.until(`document.getElementById('live').textContent.startsWith('Live')`)
	if link := value[string](b, `document.querySelector('#numbers td a').href`); !regexp.MustCompile(`^https://app\.hubspot\.com/contacts/\d+/record/2-\d+/\d+$`).MatchString(link) {
		t.Errorf("a gift leads to %s", link)
	}
	for _, fault := range b.faults(address) {
		t.Error(fault)
	}
}

// startDemo runs the program's demo until the test ends, and returns the address of
// its page.
func startDemo(t *testing.T) (address string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "thnks-hubspot-sync")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/thnks-hubspot-sync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	demo := exec.Command(program, "demo", "--transactions", "3000")
	demo.Stderr = os.Stderr
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGINT)
		for lines.Scan() {
		}
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	told := regexp.MustCompile(`^The statistics as a page, which follows: (http://127\.0\.0\.1:\d+/)$`)
	for lines.Scan() {
		if m := told.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatal("the demo tells no address")
	return ""
}
