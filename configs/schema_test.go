package configs

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "rewrite the table of settings")

// compiled returns the schema as a library that is not ours understands it.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judge asks the schema about a configuration.
func judge(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestSchemaTakesWhatLoads: an editor marks nothing in a configuration that is
// right.
func TestSchemaTakesWhatLoads(t *testing.T) {
	s := compiled(t)
	for name, text := range map[string][]byte{"least": []byte(good), "full": full(t), "sample": Example()} {
		if err := judge(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cfg, problems := parse(text)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		printed, err := cfg.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(t, s, printed); err != nil {
			t.Errorf("%s, printed: %v", name, err)
		}
	}
}

// TestSchemaRefuses: what an editor can see is marked.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, more := range []string{
		"log: {level: loud}\n", "runs_at_once: -1\n", "runs_at_once: many\n", "colour: red\n", "hubspot_apps: [{name: main}]\n",
		"    associations: {companies: all}\n", "    associations: {deals: {lookback: 3 weeks}}\n",
		"    webhooks: {gift-events: {secret_files: [a]}}\n", "    webhooks: {gift-events: {scheme: standard, secret_files: a}}\n",
	} {
		if err := judge(t, s, []byte(good+more)); err == nil {
			t.Errorf("taken: %s", more)
		}
	}
	if err := judge(t, s, []byte("log: {level: info}\n")); err == nil {
		t.Error("taken: a configuration without portals")
	}
}

// TestSettingsAreTheTypes: each key is described once, in the order of the
// types, and nothing else is.
func TestSettingsAreTheTypes(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	types := keysIn(schema, "")
	var described []string
	for _, s := range settings {
		described = append(described, s.key)
		if s.text == "" || !strings.HasSuffix(s.text, ".") {
			t.Errorf("%s: %q is no sentence", s.key, s.text)
		}
	}
	slices.Sort(types)
	slices.Sort(described)
	if !slices.Equal(types, described) {
		t.Errorf("the types have\n%s\nand described are\n%s", strings.Join(types, "\n"), strings.Join(described, "\n"))
	}
}

// keysIn lists the keys of a schema.
func keysIn(schema map[string]any, at string) (keys []string) {
	if items, ok := schema["items"].(map[string]any); ok {
		return keysIn(items, at+"[]")
	}
	group, _ := schema["properties"].(map[string]any)
	for name, inner := range group {
		keys = append(append(keys, join(at, name)), keysIn(inner.(map[string]any), join(at, name))...)
	}
	return keys
}

// TestWordsAreThose: the words that the schema offers are taken, and others are
// not.
func TestWordsAreThose(t *testing.T) {
	const scheme = "portals[].webhooks.gift-events.scheme"
	for _, s := range settings {
		if len(s.words) == 0 {
			continue
		}
		name := s.key[strings.LastIndex(s.key, ".")+1:]
		for _, word := range append(slices.Clone(s.words), "no-such-word") {
			text := withValue(t, withValue(t, full(t), scheme, SchemeHMAC), s.key, word)
			_, problems := parse(text)
			refused := slices.ContainsFunc(problems, func(p Problem) bool {
				return strings.HasSuffix(p.Key, "."+name) && !strings.Contains(p.What, "has no meaning")
			})
			if want := word == "no-such-word"; refused != want {
				t.Errorf("%s: %q: refused is %t: %v", s.key, word, refused, problems)
			}
		}
	}
}

// withValue returns a configuration with another value for a key, which is in
// the first element of lists.
func withValue(t *testing.T, text []byte, key, value string) []byte {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := doc.Content[0]
	for _, part := range strings.Split(key, ".") {
		name, list := strings.CutSuffix(part, "[]")
		i := slices.IndexFunc(n.Content, func(k *yaml.Node) bool { return k.Value == name })
		if i < 0 {
			n.Content = append(n.Content, scalar("!!str", name), &yaml.Node{Kind: yaml.MappingNode})
			i = len(n.Content) - 2
		}
		if n = n.Content[i+1]; list {
			n = n.Content[0]
		}
	}
	*n = *scalar("!!str", value)
	changed, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestSettingsPage: the table in the documentation is that of the code. Run with
// -update to renew it.
func TestSettingsPage(t *testing.T) {
	const path = "../.github/docs/settings.md"
	page := settingsPage(t)
	if *update {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(onDisk, page) {
		t.Errorf("%s is not what go test ./configs -run TestSettingsPage -update makes", path)
	}
}

// settingsPage returns the table of all settings.
func settingsPage(t *testing.T) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`# Settings

The keys of the configuration, from the code (` + "`go test ./configs -run TestSettingsPage -update`" + `). A group's keys stand
below it, and ` + "`[]`" + ` stands for each element of a list. ` + "`config schema`" + ` prints the same as a JSON Schema: save it and put
` + "`# yaml-language-server: $schema=config.schema.json`" + ` into the first line of the configuration, and editors complete and
check it. ` + "`config example`" + ` prints a sample, ` + "`config print`" + ` the configuration with every default filled in.

| key | default | what it is for |
|---|---|---|
`)
	for _, s := range settings {
		value := ""
		if d, ok := lookUp(root, s.key)["default"]; ok {
			value = fmt.Sprintf("`%v`", d)
		}
		if s.required {
			value = "required"
		}
		text := s.text
		if len(s.words) > 0 {
			var words []string
			for _, w := range s.words {
				if w != "" {
					words = append(words, "`"+w+"`")
				}
			}
			text = strings.TrimSuffix(text, ".") + " (" + strings.Join(words, ", ") + ")."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.key, value, text)
	}
	return []byte(b.String())
}

// lookUp returns the schema of a key.
func lookUp(schema map[string]any, key string) map[string]any {
	for _, part := range strings.Split(key, ".") {
		name, list := strings.CutSuffix(part, "[]")
		schema = schema["properties"].(map[string]any)[name].(map[string]any)
		if list {
			schema = schema["items"].(map[string]any)
		}
	}
	return schema
}
