package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed choice/choice.go
var choice string

// An edit puts text in the place of the bytes from one offset of a file on.
type edit struct {
	offset, length int
	text           string
}

func (f *file) edit(at token.Pos, length int, text string) {
	f.edits = append(f.edits, edit{f.tokens.Offset(at), length, text})
}

// apply makes edits, which may not overlap. At one offset, what is put between comes
// before what replaces an operator; an outer expression's was noted before an inner
// one's. Lines stay where they are.
func apply(text []byte, edits []edit) []byte {
	var out []byte
	last := 0
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.length, b.length))
	})
	for _, e := range edits {
		out = append(append(out, text[last:e.offset]...), e.text...)
		last = e.offset + e.length
	}
	return append(out, text[last:]...)
}

// build makes the test program of the changed package. Dir is for what the go
// command reads. Without inlining and what debuggers need, it takes less time.
func (s *source) build(ctx context.Context, root, pkg, dir, out string) error {
	folder, err := filepath.Abs(filepath.Join(root, pkg))
	if err != nil {
		return err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = make(map[string]string)
	put := func(path string, text []byte) error {
		changed := filepath.Join(dir, filepath.Base(path))
		overlay.Replace[path] = changed
		return os.WriteFile(changed, text, 0o600)
	}
	for path, text := range s.files {
		if err := put(path, text); err != nil {
			return err
		}
	}
	chooser := strings.Replace(choice, "package choice", "package "+s.name, 1)
	if err := put(filepath.Join(folder, "operators_choice.go"), []byte(chooser)); err != nil {
		return err
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", "-overlay", name, "-o", out, "./"+pkg)
	c.Dir = root
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s with changed operators does not compile: %w\n%s", pkg, err, text)
	}
	return nil
}
