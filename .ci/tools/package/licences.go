package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A module is one that is built into the program.
type module struct {
	Path, Version, Dir string
}

// modules are those of which packages are built in, in the order of their paths, with
// Go's own library.
func (r release) modules() ([]module, error) {
	out, err := r.command(nil, "go", "list", "-deps", "-json=Module,Standard", "./cmd/"+name)
	if err != nil {
		return nil, err
	}
	found := make(map[string]module)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Standard bool
			Module   *struct {
				module
				Main bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module != nil && !p.Module.Main {
			found[p.Module.Path] = p.Module.module
		}
	}
	env, err := r.command(nil, "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(env))
	all := []module{{"Go's standard library", lines[1], lines[0]}}
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// licences are the licences of all modules that are built in, word for word. One without
// a licence, or with one that is not among those that may be distributed so, is an error.
func (r release) licences() ([]byte, error) {
	all, err := r.modules()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, m := range all {
		texts, err := legalTexts(m.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		if err := allowed(texts); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		fmt.Fprintf(&b, "%s\n%s %s\n%[1]s\n\n", strings.Repeat("=", 80), m.Path, m.Version)
		for _, text := range texts {
			b.WriteString(strings.TrimSpace(text) + "\n\n")
		}
	}
	return b.Bytes(), nil
}

// legalTexts are the licence and the notices in a module's folder.
func legalTexts(dir string) (texts []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	legal := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(md|txt)|-[a-z0-9.]+)?$`)
	for _, e := range entries {
		if e.Type().IsRegular() && legal.MatchString(e.Name()) {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			texts = append(texts, string(text))
		}
	}
	return texts, nil
}

// marks are sentences by which a licence that asks for no more than its text is known.
var marks = []string{
	"Permission is hereby granted, free of charge, to any person obtaining a copy", // MIT
	"Redistributions in binary form must reproduce the above copyright notice",     // BSD
	"Redistributions of source code must retain the above copyright notice",        // so
	"Apache License", // 2.0
	"Permission to use, copy, modify, and/or distribute this software for any", // ISC
}

func allowed(texts []string) error {
	if len(texts) == 0 {
		return errors.New("it has no licence: it cannot be distributed")
	}
	for _, text := range texts {
		text = strings.Join(strings.Fields(text), " ")
		if slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(text, mark) }) {
			return nil
		}
	}
	return errors.New("its licence is none of those that this program may be distributed with (MIT, BSD, ISC, Apache-2.0)")
}
