package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// put writes a file with the given mode and returns its path.
func put(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadSecretFinds(t *testing.T) {
	dir, credentials, other := t.TempDir(), t.TempDir(), t.TempDir()
	put(t, dir, "both", "beside", 0o600)
	put(t, dir, "beside", "beside\n", 0o400)
	put(t, dir, "windows", "beside\r\n", 0o600)
	put(t, dir, "spaced", "in ner é", 0o600)
	put(t, credentials, "both", "credential\n", 0o444)
	put(t, dir, "large", strings.Repeat("x", maxSecret), 0o600)
	put(t, dir, "of-a-folder", "beside", 0o600)
	put(t, credentials, "secrets_of-a-folder", "credential", 0o440)
	put(t, credentials, "secrets_both", "of a folder", 0o440)
	absolute := put(t, other, "absolute", "absolute", 0o600)
	sealed := put(t, credentials, "sealed", "sealed", 0o440)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "sub/deep", "deep", 0o600)
	cfg := &Config{dir: dir}
	for _, test := range []struct{ credentials, ref, want string }{
		{"", "both", "beside"},
		{credentials, "both", "credential"},
		{credentials, "beside", "beside"},
		{credentials, "of-a-folder", "credential"},
		{"", "of-a-folder", "beside"},
		{"", "windows", "beside"},
		{"", "spaced", "in ner é"},
		{"", "sub/deep", "deep"},
		{credentials, "sub/../sub/deep", "deep"},
		{credentials, absolute, "absolute"},
		{credentials, sealed, "sealed"},
		{"", "large", strings.Repeat("x", maxSecret)},
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", test.credentials)
		got, err := cfg.ReadSecret(test.ref)
		if err != nil || got.Reveal() != test.want {
			t.Errorf("%s with %q: got %q (%v), want %q", test.ref, test.credentials, got.Reveal(), err, test.want)
		}
	}
}

func TestReadSecretRefuses(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	put(t, dir, "group", "x", 0o640)
	put(t, dir, "world", "x", 0o604)
	put(t, dir, "writable", "x", 0o602)
	put(t, dir, "empty", "", 0o600)
	put(t, dir, "blank", " \n", 0o600)
	put(t, dir, "large", strings.Repeat("x", maxSecret+1), 0o600)
	put(t, dir, "lines", "hunter2\nhunter3\n", 0o600)
	put(t, dir, "newlines", "hunter2\n\n", 0o600)
	put(t, dir, "control", "hunter2\x00", 0o600)
	put(t, filepath.Dir(credentials), "outside", "x", 0o644)
	cfg := &Config{dir: dir}
	for _, test := range []struct{ credentials, ref, want string }{
		{"", "", "no secret file is named"},
		{"", "none", "secret file D/none cannot be read (no such file or directory): create it, or correct the name in the configuration"},
		{credentials, "none", "secret file C/none does not exist, nor does D/none: create one of them"},
		{credentials, "group", "secret file D/group can be read or changed by others (mode 0640): run chmod 600 D/group"},
		{"", "world", "secret file D/world can be read or changed by others (mode 0604): run chmod 600 D/world"},
		{"", "writable", "secret file D/writable can be read or changed by others (mode 0602): run chmod 600 D/writable"},
		{credentials, filepath.Join(filepath.Dir(credentials), "outside"), "secret file P/outside can be read or changed by others (mode 0644): run chmod 600 P/outside"},
		{"", "empty", "secret file D/empty is empty: write the secret into it"},
		{"", "blank", "secret file D/blank is empty: write the secret into it"},
		{"", "large", "secret file D/large is larger than 64 KiB: it should hold the secret and nothing else"},
		{"", "lines", "secret file D/lines has a line break at character 8: it should hold the secret and nothing else"},
		{"", "newlines", "secret file D/newlines has a line break at character 8: it should hold the secret and nothing else"},
		{"", "control", "secret file D/control has a control character at character 8: it should hold the secret and nothing else"},
		{"", ".", "secret file D is not a regular file: replace it"},
		{"", "/dev/null", "secret file /dev/null is not a regular file: replace it"},
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", test.credentials)
		got, err := cfg.ReadSecret(test.ref)
		if err == nil || got.Reveal() != "" {
			t.Errorf("%s was read", test.ref)
			continue
		}
		text := strings.NewReplacer(dir, "D", credentials, "C", filepath.Dir(credentials), "P").Replace(err.Error())
		if text != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.ref, text, test.want)
		}
	}
}

// TestInvisibleInSecrets puts every kind of character that cannot be seen
// before, into and behind a secret, in a file and in a credential. All are
// refused, with the position and without the secret.
func TestInvisibleInSecrets(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	cfg := &Config{dir: dir}
	const head, tail = "Zq7Canary", "0Jx3Lm"
	for _, tt := range []struct {
		name, text string
		between    bool // is refused between other characters, too
	}{
		{"byte order mark", "\ufeff", true},
		{"zero-width space", "\u200b", true},
		{"zero-width joiner", "\u200d", true},
		{"word joiner", "\u2060", true},
		{"soft hyphen", "\u00ad", true},
		{"right-to-left mark", "\u200f", true},
		{"right-to-left override", "\u202e", true},
		{"tag", "\U000e0041", true},
		{"variation selector", "\ufe0f", true},
		{"combining grapheme joiner", "\u034f", true},
		{"Hangul filler", "\u3164", true},
		{"Braille blank", "\u2800", true},
		{"no-break space", "\u00a0", true},
		{"narrow no-break space", "\u202f", true},
		{"ideographic space", "\u3000", true},
		{"line separator", "\u2028", true},
		{"next line", "\u0085", true},
		{"tab", "\t", true},
		{"bell", "\a", true},
		{"delete", "\x7f", true},
		{"line break", "\n", true},
		{"carriage return", "\r", true},
		{"Latin-1", "\xe9", true},
		{"space", " ", false},
		{"two spaces", "  ", false},
	} {
		for where, text := range map[string]string{"before": tt.text + head + tail, "between": head + tt.text + tail, "behind": head + tail + tt.text + "\n"} {
			if tt.text == "\r" && where == "behind" {
				continue // a line break of Windows
			}
			for place, folder := range map[string]string{"": dir, credentials: credentials} {
				t.Setenv("CREDENTIALS_DIRECTORY", place)
				put(t, folder, "secret", text, 0o600)
				got, err := cfg.ReadSecret("secret")
				if refused := err != nil; refused == (where == "between" && !tt.between) {
					t.Errorf("%s %s: %v, %q", tt.name, where, err, got.Reveal())
				}
				if err != nil && (strings.Contains(err.Error(), "Canary") || strings.Contains(err.Error(), tail)) {
					t.Errorf("%s %s: the error quotes the secret: %v", tt.name, where, err)
				}
				if marked := tt.name == "byte order mark" && where == "before"; err != nil && where != "behind" && !marked && tt.between &&
					!strings.Contains(err.Error(), fmt.Sprintf("character %d", map[string]int{"before": 1, "between": len(head) + 1}[where])) {
					t.Errorf("%s %s: no position in %v", tt.name, where, err)
				}
				if err := os.Remove(filepath.Join(folder, "secret")); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	put(t, dir, "utf16", "\xff\xfes\x00e\x00", 0o600)
	if _, err := cfg.ReadSecret("utf16"); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

func TestAdminToken(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	put(t, dir, "short", strings.Repeat("é", 31), 0o600)
	put(t, dir, "long", strings.Repeat("x", 32)+"\n", 0o600)
	for file, want := range map[string]string{
		"":      "",
		"none":  "cannot be read",
		"short": "secret file short has 31 characters, and the admin token needs 32: write a new one with openssl rand -hex 32",
		"long":  "",
	} {
		token, err := (&Config{dir: dir, AdminTokenFile: file}).ReadAdminToken()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", file, err, want)
		}
		if good := file == "long"; good != (token.Reveal() != "") {
			t.Errorf("%q: token %q", file, token.Reveal())
		}
	}
}

// TestSecretsBesideTheConfiguration: a relative name is looked up in the folder
// of the configuration file, not in the working directory.
func TestSecretsBesideTheConfiguration(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	path := write(t, good)
	put(t, filepath.Dir(path), "acme.hubspot-token", "token\n", 0o600)
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	got, err := cfg.ReadSecret(cfg.Portals[0].HubSpot.TokenFile)
	if err != nil || got.Reveal() != "token" {
		t.Errorf("got %q (%v)", got.Reveal(), err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	const canary = "Zq7Canary0Jx3"
	text := canary
	secret := Secret{&text}
	if secret.Reveal() != canary || (Secret{}).Reveal() != "" {
		t.Fatal("Reveal does not reveal")
	}
	type exposed struct{ Token Secret }
	type hidden struct{ token Secret }
	shapes := []any{
		secret, &secret,
		[]Secret{secret},
		map[string]Secret{"k": secret},
		exposed{secret},
		&exposed{secret},
		hidden{secret},
		&hidden{secret},
		[]any{hidden{secret}},
	}
	var out bytes.Buffer
	for _, shape := range shapes {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%30v", "%t", "%w"} {
			fmt.Fprintf(&out, verb+"\n", shape)
		}
		fmt.Fprintln(&out, shape, fmt.Errorf("%v", shape))
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("m", "k", shape, slog.Group("g", "k", shape))
		}
		if data, err := json.Marshal(shape); err != nil {
			t.Errorf("JSON: %v", err)
		} else {
			out.Write(data)
		}
		if data, err := yaml.Dump(shape); err != nil {
			t.Errorf("YAML: %v", err)
		} else {
			out.Write(data)
		}
	}
	for form, needle := range map[string]string{"text": canary, "hex": fmt.Sprintf("%x", canary), "HEX": fmt.Sprintf("%X", canary), "bytes": fmt.Sprint([]byte(canary))} {
		if strings.Contains(out.String(), strings.Trim(needle, "[]")) {
			t.Errorf("the secret was printed as %s:\n%s", form, out.String())
		}
	}
	if n := strings.Count(out.String(), redacted); n < 5*len(shapes) {
		t.Errorf("only %d placeholders were printed", n)
	}
}
