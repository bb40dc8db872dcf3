package hubspottest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A route is an operation as the emulator's source spells it: method, area,
// and the path behind the version, "*" for any one segment.
type route string

// serves reports whether the route is that of an operation as
// [hubspottest.Requests] counts it.
func (r route) serves(operation string) bool {
	want, got := strings.Split(string(r), "/"), strings.Split(operation, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == "*" || w == g })
}

// areas are the files whose routes do not name their area.
var areas = map[string]string{
	"account.go": "pipelines", "associations.go": "associations", "oauth.go": "oauth", "objects.go": "objects",
	"propertycalls.go": "properties", "recordlinks.go": "objects", "schemacalls.go": "schemas", "workflow.go": "callbacks",
}

// routeCall finds c.is(method, segments…), and the area if it is looked at.
var routeCall = regexp.MustCompile(`(?:c\.area == "(\w+)" && )?c\.is\(("[^)]*")\)`)

// served reads the routes from the emulator's source, in the order in which it
// looks at those of an area.
func served(t *testing.T) (all []route) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, call := range routeCall.FindAllStringSubmatch(string(text), -1) {
			area := call[1]
			if area == "" {
				area = areas[name]
			}
			if area == "" {
				t.Fatalf("%s: the area of c.is(%s) is not known", name, call[2])
			}
			method, rest, _ := strings.Cut(strings.ReplaceAll(call[2], `"`, ""), ", ")
			r := method + " " + area
			if rest != "" {
				r += "/" + strings.ReplaceAll(rest, ", ", "/")
			}
			if !slices.Contains(all, route(r)) {
				all = append(all, route(r))
			}
		}
	}
	return all
}

// uncalled returns the routes that served none of the operations.
func uncalled(all []route, operations map[string]int) []route {
	called := make(map[route]bool)
	for operation := range operations {
		if i := slices.IndexFunc(all, func(r route) bool { return r.serves(operation) }); i >= 0 {
			called[all[i]] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(r route) bool { return called[r] })
}
