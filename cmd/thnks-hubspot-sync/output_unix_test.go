//go:build unix

package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOutput: a regular file is replaced by one that is complete, private or what
// the old one was; nothing else is ever replaced, and nothing is left beside.
func TestOutput(t *testing.T) {
	t.Parallel()
	const text = "statistics"
	write := func(dir, name, old string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(dir, name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tt := range map[string]struct {
		place   func(dir string) string // makes what is there and returns the path to give
		at      string                  // where the text is then
		mode    fs.FileMode
		caution string
		fails   string
	}{
		"new":          {place: func(d string) string { return filepath.Join(d, "a") }, at: "a", mode: 0o600},
		"private":      {place: func(d string) string { return write(d, "a", "old text that is longer", 0o600) }, at: "a", mode: 0o600},
		"kept mode":    {place: func(d string) string { return write(d, "a", "old", 0o664) }, at: "a", mode: 0o664, caution: "/a: it has mode 0664"},
		"written only": {place: func(d string) string { return write(d, "a", "old", 0o622) }, at: "a", mode: 0o622},
		"link":         {place: func(d string) string { write(d, "a", "old", 0o640); return link(d, "l", "a") }, at: "a", mode: 0o640, caution: "/l: it has mode 0640"},
		"dangling":     {place: func(d string) string { return link(d, "l", "a") }, at: "a", mode: 0o600},
		"two links":    {place: func(d string) string { link(d, "k", filepath.Join(d, "a")); return link(d, "l", "k") }, at: "a", mode: 0o600},
		"circle":       {place: func(d string) string { return link(d, "l", "l") }, fails: "/l: symbolic links lead in a circle"},
		"folder":       {place: func(d string) string { return d }, fails: ": that is a folder"},
		"nowhere":      {place: func(d string) string { return filepath.Join(d, "no", "a") }, fails: "/no/a: no such file or directory"},
		"below a file": {place: func(d string) string { return write(d, "f", "", 0o600) + "/a" }, fails: "/f/a: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			given := tt.place(dir)
			caution, err := writeOutput(given, []byte(text))
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), given) || !strings.HasSuffix(strings.SplitN(err.Error(), ": name", 2)[0], tt.fails) {
					t.Errorf("error %v, want one of %s that ends with %q", err, given, tt.fails)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if (tt.caution == "") != (caution == "") || !strings.Contains(caution, tt.caution) {
				t.Errorf("caution %q, want %q", caution, tt.caution)
			}
			if tt.at != "" {
				path := filepath.Join(dir, tt.at)
				info, err := os.Lstat(path)
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := os.ReadFile(path); string(got) != text || info.Mode() != tt.mode {
					t.Errorf("%q with mode %v, want mode %v", got, info.Mode(), tt.mode)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// TestOutputThrough: devices and FIFOs stay what they are, and get the text.
func TestOutputThrough(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 { // root would spoil the machine's if this went wrong
		if _, err := writeOutput(os.DevNull, []byte("x")); err != nil {
			t.Error(err)
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		f, err := os.Open(fifo)
		if err != nil {
			got <- err.Error()
			return
		}
		defer f.Close()
		text, _ := io.ReadAll(f)
		got <- string(text)
	}()
	if _, err := writeOutput(fifo, []byte("through")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the FIFO is %v now (%v)", info.Mode(), err)
	}
	if text := <-got; text != "through" {
		t.Errorf("the FIFO gave %q", text)
	}
}

// TestOutputOfOthers: what belongs to another user stays so where root writes, and
// a link that another user may lead elsewhere is not followed. Only root can make
// such files; for others there is nothing to try.
func TestOutputOfOthers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not tried, as this user cannot give files away")
		return
	}
	const uid, gid = 1234, 2345
	give := func(path string) {
		if err := os.Lchown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	theirs := filepath.Join(dir, "theirs")
	if err := os.WriteFile(theirs, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	give(theirs)
	caution, err := writeOutput(theirs, []byte("new"))
	if err != nil || !strings.Contains(caution, "belongs to user 1234") {
		t.Errorf("caution %q, error %v", caution, err)
	}
	info, err := os.Stat(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if u, g, _ := owner(info); u != uid || g != gid || info.Mode().Perm() != 0o600 {
		t.Errorf("it belongs to %d and %d with mode %v now", u, g, info.Mode())
	}

	target := filepath.Join(dir, "target")
	their := filepath.Join(dir, "link")
	folder := filepath.Join(dir, "folder")
	inTheirs := filepath.Join(folder, "link")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{their, inTheirs} {
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	give(their)
	give(folder)
	for _, path := range []string{their, inTheirs} {
		if _, err := writeOutput(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path+": that is a symbolic link") {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("a link of another user was followed")
	}
}
