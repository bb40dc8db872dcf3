package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path that our own import paths begin with.
const module = "thnks-hubspot-sync"

// contractRoom brings a library that the shipped program does without, and
// worldRoom the package testing. Tests alone may enter them.
const (
	contractRoom = "hubspot/hubspottest/contract"
	worldRoom    = "sync/simulation"
)

// rooms are the packages of this module, each with those of our own that it
// may import: "*" is all of them. A package that is not listed fails the
// test, so that a new one is placed on purpose. Tests follow the same arrows,
// with what [testArrows] adds.
var rooms = map[string]string{
	"sync/plan":              "",
	"configs":                "",
	"hubspot":                "",
	"thnksapi":               "",
	"hubspot/hubspottest":    "",
	contractRoom:             "hubspot/hubspottest",
	"thnksapi/thnksapitest":  "",
	"sync/stats":             "sync/plan",
	"sync/turns":             "",
	"store":                  "sync/plan",
	"store/suppressed":       "",
	"sync/listen":            "",
	"sync/notice":            "",
	"sync/webhook":           "sync/plan sync/listen store hubspot",
	"sync/portal":            "sync/plan store hubspot",
	"sync/send":              "sync/plan store thnksapi",
	"sync":                   "sync/plan sync/portal store store/suppressed hubspot thnksapi",
	"sync/app":               "sync/portal store hubspot",
	"sync/card":              "sync/plan sync/send sync/stats store hubspot",
	"sync/doctor":            "sync sync/plan sync/portal store hubspot thnksapi",
	"sync/daemon":            "sync sync/app sync/plan sync/send sync/webhook sync/stats sync/doctor store",
	"sync/metrics":           "sync sync/plan sync/daemon sync/turns store hubspot",
	"sync/page":              "sync/stats sync/plan",
	"sync/admin":             "sync sync/app sync/listen sync/plan sync/send sync/stats sync/page sync/doctor hubspot",
	worldRoom:                "sync sync/plan sync/portal store store/suppressed hubspot hubspot/hubspottest " + contractRoom + " thnksapi thnksapi/export thnksapi/thnksapitest",
	"thnksapi/export":        "thnksapi",
	"cmd/thnks-hubspot-sync": "*",
	"cmd/sandbox":            "hubspot/hubspottest thnksapi/thnksapitest",
}

// testArrows are what the tests of a room may import beside that: a client is
// tried against its emulator, the engine with real clients against both.
var testArrows = map[string]string{
	"hubspot":             "hubspot/hubspottest " + contractRoom,
	"hubspot/hubspottest": contractRoom,
	contractRoom:          "hubspot golang.org/x/oauth2",
	"thnksapi":            "thnksapi/thnksapitest",
	"thnksapi/export":     "thnksapi/thnksapitest",
	"sync":                worldRoom + " sync/doctor sync/turns hubspot/hubspottest " + contractRoom + " thnksapi/thnksapitest",
	"sync/send":           "thnksapi/thnksapitest",
	"sync/app":            "hubspot/hubspottest " + contractRoom,
	"sync/card":           "hubspot/hubspottest " + contractRoom + " thnksapi thnksapi/thnksapitest golang.org/x/oauth2",
	"sync/doctor":         worldRoom + " hubspot/hubspottest " + contractRoom + " thnksapi/thnksapitest",
	"sync/page":           "sync sync/admin",
	"sync/daemon":         worldRoom + " sync/plan sync/portal hubspot hubspot/hubspottest " + contractRoom + " thnksapi thnksapi/thnksapitest",
}

// libraries are the modules that only some rooms may import; prefixes of
// import paths to rooms.
var libraries = map[string]string{
	"go.etcd.io/bbolt":             "store",
	"golang.org/x/oauth2":          "hubspot cmd/thnks-hubspot-sync " + worldRoom,
	"github.com/robfig/cron":       "configs sync/daemon cmd/thnks-hubspot-sync",
	"github.com/lmittmann/tint":    "cmd/thnks-hubspot-sync",
	"github.com/spf13/cobra":       "cmd/thnks-hubspot-sync cmd/sandbox",
	"go.yaml.in/yaml":              "configs",
	"github.com/getkin":            contractRoom,
	"github.com/standard-webhooks": "sync/webhook",
	"github.com/prometheus":        "sync/metrics",
	"github.com/santhosh-tekuri":   "configs sync/stats",
	"github.com/chromedp":          "sync/page cmd/thnks-hubspot-sync",
	"github.com/wneessen/go-mail":  "sync/notice",
	"github.com/cli/browser":       "cmd/thnks-hubspot-sync",
}

// impure is what the planner must do without: it turns values into values.
var impure = []string{"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os"}

// A room is one package as go list tells it.
type room struct {
	Dir                                string
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func (r room) name() string { return strings.TrimPrefix(r.ImportPath, module+"/") }

// listRooms asks the go command for the packages of this module.
func listRooms(t *testing.T) []room {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []room
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var r room
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) < 5 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// violations says which imports of a room its policy does not allow.
func violations(r room) []string {
	allowed, listed := rooms[r.name()]
	if !listed {
		return []string{r.name() + " is in no arrow: give it its place in this file"}
	}
	var bad []string
	check := func(imports []string, inTest bool) {
		for _, path := range imports {
			if why := forbidden(r.name(), allowed, path, inTest); why != "" {
				bad = append(bad, r.name()+" imports "+path+": "+why)
			}
		}
	}
	check(r.Imports, false)
	check(slices.Concat(r.TestImports, r.XTestImports), true)
	return bad
}

// forbidden says why room may not import path, or "".
func forbidden(room, allowed, path string, inTest bool) string {
	own, ours := strings.CutPrefix(path, module+"/")
	switch {
	case inTest && slices.Contains(strings.Fields(testArrows[room]), own):
		return ""
	case (own == contractRoom || own == worldRoom) && !inTest && room != worldRoom:
		return "only tests may"
	case ours && own != room && allowed != "*" && !slices.Contains(strings.Fields(allowed), own):
		return "there is no such arrow"
	case ours:
		return ""
	}
	for library, users := range libraries {
		if (path == library || strings.HasPrefix(path, library+"/")) && !slices.Contains(strings.Fields(users), room) {
			return "only " + users + " may"
		}
	}
	if inTest {
		return ""
	}
	switch {
	case room == "sync/plan" && slices.Contains(impure, path):
		return "the planner is pure"
	case strings.HasSuffix(room, "test") && (path == "testing" || strings.HasPrefix(path, "testing/") || path == "net/http/httptest"):
		return "the shipped program carries the emulators"
	}
	return ""
}

func TestArrows(t *testing.T) {
	for _, r := range listRooms(t) {
		for _, bad := range violations(r) {
			t.Error(bad)
		}
	}
}

// TestArrowsBite tries the policy itself.
func TestArrowsBite(t *testing.T) {
	for _, r := range []room{
		{ImportPath: module + "/attic"},
		{ImportPath: module + "/hubspot", Imports: []string{module + "/sync/plan"}},
		{ImportPath: module + "/hubspot", Imports: []string{module + "/hubspot/hubspottest"}},
		{ImportPath: module + "/hubspot", TestImports: []string{module + "/thnksapi/thnksapitest"}},
		{ImportPath: module + "/hubspot/hubspottest", Imports: []string{module + "/hubspot"}},
		{ImportPath: module + "/hubspot/hubspottest", TestImports: []string{module + "/hubspot"}},
		{ImportPath: module + "/thnksapi/thnksapitest", Imports: []string{"testing"}},
		{ImportPath: module + "/thnksapi/thnksapitest", Imports: []string{"net/http/httptest"}},
		{ImportPath: module + "/sync", Imports: []string{module + "/configs"}},
		{ImportPath: module + "/sync", Imports: []string{module + "/sync/simulation"}},
		{ImportPath: module + "/sync/admin", XTestImports: []string{module + "/sync/simulation"}},
		{ImportPath: module + "/sync/simulation", Imports: []string{module + "/configs"}},
		{ImportPath: module + "/cmd/thnks-hubspot-sync", Imports: []string{module + "/sync/simulation"}},
		{ImportPath: module + "/sync", Imports: []string{"go.etcd.io/bbolt"}},
		{ImportPath: module + "/sync", Imports: []string{"golang.org/x/oauth2"}},
		{ImportPath: module + "/store", Imports: []string{module + "/sync"}},
		{ImportPath: module + "/store", Imports: []string{"github.com/lmittmann/tint"}},
		{ImportPath: module + "/store", XTestImports: []string{"go.yaml.in/yaml/v4"}},
		{ImportPath: module + "/sync/plan", Imports: []string{"os"}},
		{ImportPath: module + "/cmd/thnks-hubspot-sync", Imports: []string{"go.etcd.io/bbolt/errors"}},
		{ImportPath: module + "/cmd/thnks-hubspot-sync", Imports: []string{module + "/" + contractRoom}},
		{ImportPath: module + "/cmd/thnks-hubspot-sync", TestImports: []string{"github.com/getkin/kin-openapi/openapi3"}},
	} {
		if len(violations(r)) != 1 {
			t.Errorf("%+v passes", r)
		}
	}
}

// TestImportNames checks that outside its folder our sync is giftsync, and
// that the standard one keeps its name.
func TestImportNames(t *testing.T) {
	for _, r := range listRooms(t) {
		for _, file := range slices.Concat(r.GoFiles, r.TestGoFiles, r.XTestGoFiles) {
			path := filepath.Join(r.Dir, file)
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				name := ""
				if spec.Name != nil {
					name = spec.Name.Name
				}
				switch {
				case imported == "sync" && name != "":
					t.Errorf("%s renames the standard sync", path)
				case imported == module+"/sync" && name != "giftsync":
					t.Errorf("%s imports %s as %q, not as giftsync", path, imported, name)
				}
			}
		}
	}
}

// TestShippedLibraries checks that nothing which only the tests need gets into
// the program, by any way.
func TestShippedLibraries(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "../sandbox").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"/hubspot/hubspottest") {
		t.Fatal("go list does not name the emulator, which the program has")
	}
	for _, path := range deps {
		switch {
		case path == "testing", path == module+"/"+contractRoom, path == module+"/"+worldRoom, strings.HasPrefix(path, "github.com/getkin/"), strings.HasPrefix(path, "github.com/chromedp/"):
			t.Errorf("the program is built with %s", path)
		}
	}
}

// TestEmulatorUnderContract checks that the tests make no HubSpot that is not
// under contract. The sandboxes' are exempt: they stand in shipped programs.
func TestEmulatorUnderContract(t *testing.T) {
	t.Parallel()
	for _, r := range listRooms(t) {
		if r.name() == contractRoom {
			continue
		}
		files := slices.Concat(r.TestGoFiles, r.XTestGoFiles)
		if r.name() == worldRoom {
			files = append(files, r.GoFiles...)
		}
		for _, file := range files {
			path := filepath.Join(r.Dir, file)
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "New" {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "hubspottest" {
						t.Errorf("%s makes a portal by hubspottest.New: take contract.New", path)
					}
				}
				return true
			})
		}
	}
}
