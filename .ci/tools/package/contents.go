package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A file is one that is installed.
type file struct {
	from string // on this machine; "" for a folder
	to   string // path on the machine that it is installed on
	mode fs.FileMode
	kind string // of nfpm: "" for a plain file
}

// contents are the files for a processor.
func (r release) contents(arch string) []file {
	of := func(path string) string { return filepath.Join(r.root, path) }
	doc := "/usr/share/doc/" + name + "/"
	files := []file{
		{r.binary(arch), "/usr/bin/" + name, 0o755, ""},
		{filepath.Join(r.work, "unit"), "/usr/lib/systemd/system/" + name + ".service", 0o644, ""},
		{of(".ci/tools/package/files/sysusers.conf"), "/usr/lib/sysusers.d/" + name + ".conf", 0o644, ""},
		{"", "/etc/" + name, 0o750, "dir"},
		{"", "/etc/" + name + "/secrets", 0o700, "dir"},
		{of("configs/config.example.yaml"), "/etc/" + name + "/config.yaml", 0o640, "config|noreplace"},
		{of("configs/config.example.yaml"), doc + "config.example.yaml", 0o644, ""},
		{of("configs/prometheus-rules.yaml"), doc + "prometheus-rules.yaml", 0o644, ""},
		{of("configs/grafana-dashboard.json"), doc + "grafana-dashboard.json", 0o644, ""},
		{of("README.md"), doc + "README.md", 0o644, ""},
		{of("LICENSE"), doc + "copyright", 0o644, ""},
		{filepath.Join(r.work, "LICENSES"), doc + "LICENSES", 0o644, ""},
		{filepath.Join(r.work, "changelog.gz"), doc + "CHANGELOG.md.gz", 0o644, ""},
		{filepath.Join(r.shareDir(), name+".bash"), "/usr/share/bash-completion/completions/" + name, 0o644, ""},
		{filepath.Join(r.shareDir(), name+".zsh"), "/usr/share/zsh/vendor-completions/_" + name, 0o644, ""},
		{filepath.Join(r.shareDir(), name+".fish"), "/usr/share/fish/vendor_completions.d/" + name + ".fish", 0o644, ""},
	}
	pages, _ := filepath.Glob(filepath.Join(r.work, "man", "*.1.gz")) // the pattern is in order
	for _, p := range pages {
		files = append(files, file{p, "/usr/share/man/man1/" + filepath.Base(p), 0o644, ""})
	}
	docs, _ := filepath.Glob(of(".github/docs/*.md"))
	for _, p := range docs {
		files = append(files, file{p, doc + "docs/" + filepath.Base(p), 0o644, ""})
	}
	return files
}

// compress makes what is installed compressed, and the unit.
func (r release) compress() error {
	if err := os.Mkdir(filepath.Join(r.work, "man"), 0o755); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(r.shareDir(), "*.1"))
	if err != nil || len(pages) == 0 {
		return fmt.Errorf("no manual pages: %w", err)
	}
	for _, p := range pages {
		if err := compressed(p, filepath.Join(r.work, "man", filepath.Base(p)+".gz")); err != nil {
			return err
		}
	}
	if err := compressed(filepath.Join(r.root, "CHANGELOG.md"), filepath.Join(r.work, "changelog.gz")); err != nil {
		return err
	}
	unit, err := os.ReadFile(filepath.Join(r.root, "configs", name+".service"))
	if err != nil {
		return err
	}
	text, err := packagedUnit(string(unit))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.work, "unit"), []byte(text), 0o644)
}

// packagedUnit is the unit for installing by hand, as the package has it: the program is
// in /usr/bin, and systemd passes the secrets, which only root can read.
func packagedUnit(unit string) (string, error) {
	_, sections, found := strings.Cut(unit, "\n[Unit]\n")
	const exec, user = "ExecStart=/usr/local/bin/", "\nUser=" + name + "\n"
	if !found || !strings.Contains(sections, exec) || !strings.Contains(sections, user) {
		return "", fmt.Errorf("the unit file has changed: it lacks [Unit], %s or User", exec)
	}
	sections = strings.Replace(sections, exec, "ExecStart=/usr/bin/", 1)
	sections = strings.Replace(sections, user, user+`
# Every file in this folder, which only root can read, as a credential. Encrypted ones
# (systemd-creds encrypt) take LoadCredentialEncrypted=secrets:FOLDER in a drop-in.
LoadCredential=secrets:/etc/`+name+`/secrets
`, 1)
	return "[Unit]\n" + sections, nil
}

// compressed writes a file compressed, without its name and time.
func compressed(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(content); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}
