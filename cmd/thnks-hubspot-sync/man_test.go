package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// generate is the folder that manual pages and completions are written into, for the
// packages.
var generate = flag.String("generate", "", "write manual pages and completions into this `folder`")

// TestManualPages makes a manual page of every command and the completions of three
// shells: the packages have them.
func TestManualPages(t *testing.T) {
	dir := *generate
	if dir == "" {
		dir = t.TempDir()
	}
	root := (&app{stdout: io.Discard, stderr: io.Discard}).root()
	root.DisableAutoGenTag = true
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The date is that of $SOURCE_DATE_EPOCH.
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "thnks-hubspot-sync", Manual: "Thnks in HubSpot"}, dir); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(io.Writer) error{
		"thnks-hubspot-sync.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"thnks-hubspot-sync.zsh":  root.GenZshCompletion,
		"thnks-hubspot-sync.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), "__complete") {
			t.Fatalf("%s: %v\n%s", name, err, &b)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Contains(page, []byte(".SH SYNOPSIS")) || !bytes.Contains(page, []byte("--config")) {
			t.Errorf("%s: %v\n%s", name, err, page)
		}
	}
}
