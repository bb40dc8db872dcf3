package configs

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// full returns a configuration that uses every part of the format.
func full(t interface{ Fatal(...any) }) []byte {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// honoured returns an error for the first key of a loaded file whose value is
// not in the Config. It compares the text of the file with the fields, and
// shares only the names of the keys with the decoder.
func honoured(n *yaml.Node, v reflect.Value, key string) error {
	if v.Kind() == reflect.Pointer && v.Type() != reflect.TypeFor[*time.Location]() {
		if v.IsNil() {
			return fmt.Errorf("%s: lost", key)
		}
		return honoured(n, v.Elem(), key)
	}
	switch n.Kind {
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if seen[name] {
				return fmt.Errorf("%s.%s: doubled", key, name)
			}
			seen[name] = true
			field := entry(v, name)
			if !field.IsValid() {
				return fmt.Errorf("%s.%s: unknown", key, name)
			}
			if err := honoured(n.Content[i+1], field, key+"."+name); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		if v.Kind() != reflect.Slice || v.Len() != len(n.Content) {
			return fmt.Errorf("%s: not the same list", key)
		}
		for i, item := range n.Content {
			if err := honoured(item, v.Index(i), fmt.Sprintf("%s[%d]", key, i)); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		if got := written(v); got != n.Value && !sameSpan(got, n.Value) {
			return fmt.Errorf("%s: loaded as %q", key, got)
		}
	default:
		return fmt.Errorf("%s: neither group, list nor value", key)
	}
	return nil
}

// entry returns the field or map element that key name is for.
func entry(v reflect.Value, name string) reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		var rest reflect.Value
		for i := range v.NumField() {
			switch v.Type().Field(i).Tag.Get("yaml") {
			case name:
				return v.Field(i)
			case ",inline":
				rest = v.Field(i).MapIndex(reflect.ValueOf(name))
			}
		}
		return rest
	case reflect.Map:
		return v.MapIndex(reflect.ValueOf(name))
	}
	return reflect.Value{}
}

// written returns a field as a file would have it.
func written(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case *time.Location:
		if value == nil {
			return ""
		}
		return value.String()
	case fmt.Stringer:
		return strings.ToLower(value.String())
	}
	return fmt.Sprint(v.Interface())
}

// sameSpan reports whether a and b are the same duration in two notations.
func sameSpan(a, b string) bool {
	var x, y Duration
	return x.UnmarshalText([]byte(a)) == nil && y.UnmarshalText([]byte(b)) == nil && x == y
}

// checkParse parses data and checks what must hold for any input: there are
// problems, or every key of the file is in the configuration.
func checkParse(t interface{ Fatalf(string, ...any) }, data []byte) (loaded bool) {
	cfg, problems := parse(data)
	if len(problems) > 0 {
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
		for _, p := range problems {
			if p.What == "" || p.Remedy == "" || p.Line < 0 || p.Line > lines {
				t.Fatalf("incomplete problem %d: %v", p.Line, p)
			}
		}
		return false
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		t.Fatalf("loaded what is not one YAML document: %v", err)
	}
	if err := honoured(doc.Content[0], reflect.ValueOf(cfg).Elem(), ""); err != nil {
		t.Fatalf("a key was ignored: %v", err)
	}
	return true
}

func TestFullConfigurationIsHonoured(t *testing.T) {
	if !checkParse(t, full(t)) {
		_, problems := parse(full(t))
		t.Fatalf("refused: %v", problems)
	}
}

// TestMutatedText changes characters and lines of a good file, as mistakes in
// editing or merging do.
func TestMutatedText(t *testing.T) {
	base := strings.SplitAfter(string(full(t)), "\n")
	loaded := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			lines := slices.Clone(base)
			for range rapid.IntRange(1, 3).Draw(t, "edits") {
				i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
				j := rapid.IntRange(0, len(lines)-1).Draw(t, "other")
				at := rapid.IntRange(0, len(lines[i])).Draw(t, "column")
				switch rapid.IntRange(0, 5).Draw(t, "edit") {
				case 0:
					lines = slices.Insert(lines, j, lines[i])
				case 1:
					lines[i], lines[j] = lines[j], lines[i]
				case 2:
					lines[i] = ""
				case 3:
					lines[i] = strings.Replace(lines[i], "# ", "", 1)
				case 4:
					lines[i] = lines[i][:at] + lines[i][min(at+1, len(lines[i])):]
				case 5:
					c := rapid.SampledFrom(strings.Split("a|0|-|:|#|'|\"|\t| |\n|{|}|[|]|,|&a |*a|!|~|é|\x00|\xff", "|")).Draw(t, "char")
					lines[i] = lines[i][:at] + c + lines[i][at:]
				}
			}
			if checkParse(t, []byte(strings.Join(lines, ""))) {
				loaded++
			}
		}
	})
	if loaded == 0 {
		t.Error("no mutation loaded, so the check that keys count saw nothing")
	}
}

// node picks one of the nodes below n for which keep is true.
func node(t *rapid.T, n *yaml.Node, keep func(*yaml.Node) bool) *yaml.Node {
	var found []*yaml.Node
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if keep(n) {
			found = append(found, n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(n)
	return rapid.SampledFrom(found).Draw(t, "node")
}

// tree parses the full configuration into nodes.
func tree(t *rapid.T) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Load(full(t), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// text writes nodes as a file again.
func text(t *rapid.T, n *yaml.Node) []byte {
	data, err := yaml.Dump(n)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func isMapping(n *yaml.Node) bool { return n.Kind == yaml.MappingNode && len(n.Content) > 0 }

// TestMisspeltKeysAreRefused changes, adds or doubles one key anywhere.
func TestMisspeltKeysAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := tree(t)
		m := node(t, root, isMapping)
		i := 2 * rapid.IntRange(0, len(m.Content)/2-1).Draw(t, "key")
		name := *m.Content[i]
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			at := rapid.IntRange(0, len(name.Value)).Draw(t, "column")
			name.Value = name.Value[:at] + rapid.StringMatching(`[a-z_-]`).Draw(t, "letter") + name.Value[at:]
			m.Content[i] = &name
		case 1:
			name.Value = strings.ToUpper(name.Value)
			m.Content[i] = &name
		case 2:
			m.Content = append(m.Content, &name, m.Content[i+1])
		case 3:
			extra := rapid.StringMatching(`x[a-z_]{0,12}`).Draw(t, "extra")
			m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: extra}, m.Content[i+1])
		}
		if checkParse(t, text(t, root)) {
			t.Fatal("it loaded")
		}
	})
}

// TestErrorsQuoteNoValue puts a secret in place of any value or key, in forms
// that break syntax, type or meaning, and looks for it in the error.
func TestErrorsQuoteNoValue(t *testing.T) {
	const canary = "Zq7Canary0Jx3LmN5pQ7rS9tUv"
	forms := []string{canary, "pat-na1-" + canary, canary + "=", `"` + canary, "'" + canary, "*" + canary, "&" + canary + " *" + canary, "!" + canary + " x", "[" + canary + "]", "{" + canary + ": 1}", "{x: " + canary, canary + ": " + canary, "@" + canary, "\t" + canary, "%" + canary, "https://u:" + canary + "@x", "TZ=" + canary, "|\n " + canary, `"` + canary + `\q"`, `"` + canary + `\n"`, "\n---\n" + canary}
	broken := 0
	rapid.Check(t, func(t *rapid.T) {
		root := tree(t)
		leaf := node(t, root, func(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode })
		*leaf = yaml.Node{Kind: yaml.ScalarNode, Value: "MARK"}
		file := strings.Replace(string(text(t, root)), "MARK", rapid.SampledFrom(forms).Draw(t, "form"), 1)
		_, problems := parse([]byte(file))
		if len(problems) > 0 {
			broken++
		}
		if err := (&LoadError{Problems: problems}).Error(); strings.Contains(strings.ToLower(err), strings.ToLower(canary)) {
			t.Fatalf("the error quotes it: %s", err)
		}
	})
	if broken == 0 {
		t.Error("nothing was refused, so nothing was checked")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(full(f))
	f.Add(Example())
	for _, r := range refused {
		f.Add([]byte(r.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}

func TestDurations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Duration(rapid.Int64Min(0).Draw(t, "ns"))
		if rapid.Bool().Draw(t, "days") {
			want = Duration(time.Duration(rapid.Int64Range(0, 100_000).Draw(t, "n")) * day)
		}
		var got Duration
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%v was read as %v (%v)", want, got, err)
		}
	})
	for _, bad := range []string{"", "d", "90", "-1d", "+1d", "-1h", "1.5d", "1d12h", "106752d", strconv.Itoa(1<<31) + "d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, d)
		}
	}
}
