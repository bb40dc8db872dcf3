package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const figures = `goos: linux
cpu: Some   Processor @ 2.60GHz
BenchmarkBackfill/N=1000000-2  	 1	 0 ns/op	14.20 calls/1000	336.0 cpu-s	3125 gifts/s	127.0 peak-MiB
BenchmarkBackfill/N=1000-2  	 1	 0 ns/op	30.00 calls/1000	0.5 cpu-s	2000 gifts/s	41.0 peak-MiB
BenchmarkOther/N=7-2  	 1	 0 ns/op
ok  	some/package	400.0s
`

// TestPicture draws, and looks for every figure in what is drawn.
func TestPicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scale.svg")
	var before []byte
	for range 3 {
		if err := run(strings.NewReader(figures), path, "by hand"); err != nil {
			t.Fatal(err)
		}
		svg, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !bytes.Equal(svg, before) {
			t.Fatal("the same figures made another picture")
		}
		before = svg
	}
	if len(before) > 60<<10 {
		t.Errorf("the picture has %d bytes", len(before))
	}
	texts := make(map[string]bool)
	for d := xml.NewDecoder(bytes.NewReader(before)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			texts[string(text)] = true
		}
	}
	for _, want := range []string{
		"30", "14,200", "41", "127", "0.5", "320", "HubSpot calls", "peak memory, MiB", "seconds", "1k", "1M",
		"Some Processor @ 2.60GHz · cores used: 2 · by hand",
	} {
		if !texts[want] {
			t.Errorf("%q is not in the picture", want)
		}
	}
}

// TestBadFigures gives what makes no picture.
func TestBadFigures(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":        "",
		"one size":       "BenchmarkBackfill/N=1000-2 1 30 calls/1000 2000 gifts/s 41 peak-MiB\n",
		"a unit lacking": strings.ReplaceAll(figures, "peak-MiB", "MiB"),
		"no number":      strings.ReplaceAll(figures, "30.00", "many"),
	} {
		path := filepath.Join(t.TempDir(), "scale.svg")
		if err := run(strings.NewReader(in), path, ""); err == nil {
			t.Errorf("%s: drawn", name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a picture is left", name)
		}
	}
}
