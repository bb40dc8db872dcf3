// Command package makes what a release consists of: for amd64 and arm64 a .deb, an .rpm
// and a tarball, with manual pages, completions, the licences of all that is built in, a
// list of it (SBOM) and checksums.
//
//	go -C .ci/tools run ./package -o DIR -version 1.2.0
//
// What it makes is the same bit for bit wherever the same commit is built with the same
// toolchain: every time stamp is the commit's.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// name is the program's, and the package's.
const name = "thnks-hubspot-sync"

// toolchain is the Go that releases are built with, where $GOTOOLCHAIN names no other: its
// standard library has no known fault that the program reaches.
const toolchain = "go1.27.3"

func main() {
	out := flag.String("o", "", "make the files in this `folder`, which must not exist")
	version := flag.String("version", "0.0.0", "the release's version, such as 1.2.0")
	arches := flag.String("arch", "amd64,arm64", "for these processors")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, *version, strings.Split(*arches, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// A release is what is made, and from what.
type release struct {
	root    string // of the module
	out     string
	work    string // for what is made on the way
	version string
	at      time.Time // of the commit
}

func run(out, version string, arches []string) (err error) {
	r := release{version: version}
	if r.root, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := os.Mkdir(r.out, 0o755); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "package"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if r.at, err = r.commitTime(); err != nil {
		return err
	}
	if err := r.shared(); err != nil {
		return err
	}
	for _, arch := range arches {
		if err := r.build(arch); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		contents := r.contents(arch)
		if err := r.tarball(arch, contents); err != nil {
			return err
		}
		if err := r.packages(arch, contents); err != nil {
			return err
		}
	}
	if err := r.sbom(arches[0]); err != nil {
		return err
	}
	return r.checksums()
}

// command runs a command in the module's root and returns what it printed.
func (r release) command(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = r.root, append(os.Environ(), env...), os.Stderr
	if os.Getenv("GOTOOLCHAIN") == "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+toolchain)
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

func (r release) commitTime() (time.Time, error) {
	out, err := r.command(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// build builds the program for a processor.
func (r release) build(arch string) error {
	_, err := r.command([]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOFLAGS=-mod=readonly"},
		"go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", r.binary(arch), "./cmd/"+name)
	return err
}

func (r release) binary(arch string) string { return filepath.Join(r.work, arch, name) }

// shared makes what is the same for every processor: manual pages and completions, by
// the program's own test, and the licences.
func (r release) shared() error {
	_, err := r.command([]string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.at.Unix(), 10)},
		"go", "test", "./cmd/"+name, "-count=1", "-run=^TestManualPages$", "-args", "-generate", r.shareDir())
	if err != nil {
		return err
	}
	if err := r.compress(); err != nil {
		return err
	}
	text, err := r.licences()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.work, "LICENSES"), text, 0o644)
}

func (r release) shareDir() string { return filepath.Join(r.work, "share") }

// sbom lists what is built in, as CycloneDX has it, from what the program says of itself.
func (r release) sbom(arch string) error {
	_, err := r.command([]string{"GOFLAGS="}, "go", "tool", "-modfile="+filepath.Join(r.root, ".ci/tools/go.mod"), "cyclonedx-gomod",
		"bin", "-json", "-std", "-noserial", "-notimestamp", "-version", "v"+r.version, "-output", filepath.Join(r.out, name+".sbom.json"), r.binary(arch))
	return err
}

// checksums writes the SHA-256 of every file.
func (r release) checksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+e.Name()+"\n")
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o644)
}
