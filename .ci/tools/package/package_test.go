package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackagedUnit: the unit of the package differs from the one for installing by hand
// in where the program is, and in who passes the secrets.
func TestPackagedUnit(t *testing.T) {
	unit, err := os.ReadFile("../../../configs/" + name + ".service")
	if err != nil {
		t.Fatal(err)
	}
	got, err := packagedUnit(string(unit))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[Unit]\n", "\nExecStart=/usr/bin/thnks-hubspot-sync run", "\nLoadCredential=secrets:/etc/thnks-hubspot-sync/secrets\n", "\nType=notify\n", "\n[Install]\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, never := range []string{"/usr/local", "useradd"} {
		if strings.Contains(got, never) {
			t.Errorf("it has %q", never)
		}
	}
	if _, err := packagedUnit("[Unit]\n[Service]\nExecStart=/opt/x\n"); err == nil {
		t.Error("a unit that has changed is taken")
	}
}

// TestLicences: a module without a licence, or with one that asks for more than its text,
// stops a release; notices are kept.
func TestLicences(t *testing.T) {
	const mit = "MIT License\n\nPermission is hereby granted, free of charge, to any\nperson obtaining a copy of this software"
	for what, tt := range map[string]struct {
		files map[string]string
		texts int
		fails string
	}{
		"MIT":        {map[string]string{"LICENSE": mit, "main.go": "x"}, 1, ""},
		"a notice":   {map[string]string{"LICENSE.md": mit, "NOTICE": "By us."}, 2, ""},
		"none":       {map[string]string{"README.md": mit}, 0, "no licence"},
		"copyleft":   {map[string]string{"COPYING": "GNU AFFERO GENERAL PUBLIC LICENSE"}, 1, "none of those"},
		"two of one": {map[string]string{"LICENSE-MIT": mit, "LICENSE-APACHE": "Apache License"}, 2, ""},
	} {
		dir := t.TempDir()
		for f, text := range tt.files {
			if err := os.WriteFile(filepath.Join(dir, f), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		texts, err := legalTexts(dir)
		if err != nil || len(texts) != tt.texts {
			t.Errorf("%s: %d texts, %v", what, len(texts), err)
		}
		err = allowed(texts)
		if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestBuiltInLicences goes through the modules that are built in.
func TestBuiltInLicences(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	r := release{root: root}
	all, err := r.modules()
	if err != nil || len(all) < 10 || all[0].Path != "Go's standard library" {
		t.Fatalf("%d modules, %v", len(all), err)
	}
	text, err := r.licences()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !strings.Contains(string(text), m.Path+" "+m.Version) {
			t.Errorf("%s is missing", m.Path)
		}
	}
}

// TestContents: every file is there, none twice, and what has secrets or names them is
// closed to others.
func TestContents(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	r := release{root: root, work: t.TempDir()}
	seen := make(map[string]bool)
	for _, f := range r.contents("amd64") {
		if seen[f.to] {
			t.Errorf("%s is there twice", f.to)
		}
		seen[f.to] = true
		if strings.HasPrefix(f.from, root) {
			if _, err := os.Stat(f.from); err != nil {
				t.Error(err)
			}
		}
		if strings.HasPrefix(f.to, "/etc/") && f.mode&0o007 != 0 {
			t.Errorf("%s has mode %o", f.to, f.mode)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d files", len(seen))
	}
}
