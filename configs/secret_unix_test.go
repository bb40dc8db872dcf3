//go:build unix

package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAdminTokenFiles: what a file with the admin token may be, and how. Nothing of its
// content is in an error, a file that never ends is not read, and one that is replaced is
// read anew.
func TestAdminTokenFiles(t *testing.T) {
	dir := t.TempDir()
	const good = "Zq7Canary0Jx3LmZq7Canary0Jx3LmZq"
	cfg := &Config{dir: dir, AdminTokenFile: "token"}
	path := filepath.Join(dir, "token")
	for name, tt := range map[string]struct {
		make func() error
		good bool
	}{
		"32 characters":       {func() error { return os.WriteFile(path, []byte(good), 0o600) }, true},
		"with a line end":     {func() error { return os.WriteFile(path, []byte(good+"\n"), 0o600) }, true},
		"with CRLF":           {func() error { return os.WriteFile(path, []byte(good+"\r\n"), 0o600) }, true},
		"31 and a line end":   {func() error { return os.WriteFile(path, []byte(good[1:]+"\r\n"), 0o600) }, false},
		"31 of two bytes":     {func() error { return os.WriteFile(path, []byte(strings.Repeat("é", 31)), 0o600) }, false},
		"blanks":              {func() error { return os.WriteFile(path, []byte(strings.Repeat(" ", 64)), 0o600) }, false},
		"line ends":           {func() error { return os.WriteFile(path, []byte(strings.Repeat("\n", 64)), 0o600) }, false},
		"invisible":           {func() error { return os.WriteFile(path, []byte(strings.Repeat("\u200b", 64)), 0o600) }, false},
		"padded with blanks":  {func() error { return os.WriteFile(path, []byte("Canary"+strings.Repeat(" ", 64)), 0o600) }, false},
		"byte order mark":     {func() error { return os.WriteFile(path, []byte("\ufeff"+good), 0o600) }, false},
		"UTF-16":              {func() error { return os.WriteFile(path, []byte("\xff\xfe"+good), 0o600) }, false},
		"readable by a group": {func() error { return errors.Join(os.WriteFile(path, []byte(good), 0o600), os.Chmod(path, 0o640)) }, false},
		"readable by all":     {func() error { return errors.Join(os.WriteFile(path, []byte(good), 0o600), os.Chmod(path, 0o604)) }, false},
		"writable by all":     {func() error { return errors.Join(os.WriteFile(path, []byte(good), 0o600), os.Chmod(path, 0o602)) }, false},
		"a folder":            {func() error { return os.Mkdir(path, 0o700) }, false},
		"a pipe":              {func() error { return syscall.Mkfifo(path, 0o600) }, false},
		"a link to a pipe": {func() error {
			return errors.Join(syscall.Mkfifo(path+"-pipe", 0o600), os.Symlink(path+"-pipe", path))
		}, false},
		"a link to a device": {func() error { return os.Symlink("/dev/zero", path) }, false},
		"a link to nothing":  {func() error { return os.Symlink(path+"-none", path) }, false},
		"a link to itself":   {func() error { return os.Symlink(path, path) }, false},
		"a link to a token": {func() error {
			return errors.Join(os.WriteFile(path+"-file", []byte(good), 0o600), os.Symlink(path+"-file", path))
		}, true},
		"a link to an open one": {func() error {
			return errors.Join(os.WriteFile(path+"-open", []byte(good), 0o600), os.Chmod(path+"-open", 0o644), os.Symlink(path+"-open", path))
		}, false},
		"a terabyte": {func() error {
			return errors.Join(os.WriteFile(path, []byte(good), 0o600), os.Truncate(path, 1<<40))
		}, false},
	} {
		if err := errors.Join(os.RemoveAll(path), tt.make()); err != nil {
			t.Fatal(name, err)
		}
		token, err := cfg.ReadAdminToken()
		if (err == nil) != tt.good || tt.good && token.Reveal() != good {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "Canary") || !strings.Contains(err.Error(), "token")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
