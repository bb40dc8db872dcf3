package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBindings: what belongs to one portal is named by no other one.
func TestBindings(t *testing.T) {
	const records, secret = ": " + ownRecords, ": " + ownSecret
	for _, tt := range []struct{ name, a, b, want string }{
		{"tokens of their own", "hubspot: {token_file: a}", "hubspot: {token_file: b}", ""},
		{"one token file", "hubspot: {token_file: a}", "hubspot: {token_file: ./a}", "F:7: portals[1].hubspot.token_file: the same file as portals[0].hubspot.token_file (line 3)" + records},
		{"one token file, two objects", "hubspot: {token_file: a}", "hubspot: {token_file: a, object: {name: gifts}}", ""},
		{"one token file, objects alike", "hubspot: {token_file: a, object: {name: Gifts}}", "hubspot: {token_file: a, object: {name: gifts}}", "F:7: portals[1].hubspot.token_file: the same file as portals[0].hubspot.token_file (line 3)" + records},
		{"one token file, two servers", "hubspot: {token_file: a}", "hubspot: {token_file: a, base_url: http://127.0.0.1:1}", ""},
		{"one account", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7}", "F:7: portals[1].hubspot.account_id: the same account and object as portals[0].hubspot.account_id (line 3)" + records},
		{"one account, two of HubSpot's servers", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7, base_url: https://api-eu1.hubapi.com}", "F:7: portals[1].hubspot.account_id: the same account and object as portals[0].hubspot.account_id (line 3)" + records},
		{"one account, two objects", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7, object: {name: gifts}}", ""},
		{"two accounts", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 8}", ""},
		{
			"one webhook secret",
			"hubspot: {token_file: a}\n    webhooks: {gift-events: {scheme: standard, secret_files: [s1, s2]}}",
			"hubspot: {token_file: b}\n    webhooks: {gift-events: {scheme: standard, secret_files: [s3, s2]}}",
			"F:9: portals[1].webhooks.gift-events.secret_files[1]: the same file as portals[0].webhooks.gift-events.secret_files[1] (line 4)" + secret,
		},
		{
			"one webhook secret of two sources",
			"hubspot: {token_file: a}\n    webhooks: {gift-events: {scheme: token, header: X, token_files: [s]}, thyngs: {token_files: [t]}}",
			"hubspot: {token_file: b}\n    webhooks: {thyngs: {token_files: [s]}, zoho-thrive: {header: X, token_files: [t]}}",
			"F:9: portals[1].webhooks.thyngs.token_files[0]: the same file as portals[0].webhooks.gift-events.token_files[0] (line 4)" + secret +
				"\nF:9: portals[1].webhooks.zoho-thrive.token_files[0]: the same file as portals[0].webhooks.thyngs.token_files[0] (line 4)" + secret,
		},
		{
			"one secret of two sources of a portal",
			"hubspot: {token_file: a}\n    webhooks: {thyngs: {token_files: [s]}, zoho-thrive: {header: X, token_files: [s]}}",
			"hubspot: {token_file: b}", "",
		},
	} {
		text := "portals:\n  - name: a\n    " + tt.a + "\n    thnks: {api_key_file: k}\n\n  - name: b\n    " + tt.b + "\n    thnks: {api_key_file: k}\n"
		if got := messages(t, text); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestBindingsByContent: the same secret in two files is one secret.
func TestBindingsByContent(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	path := write(t, `portals:
  - name: a
    hubspot: {token_file: a.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: standard, secret_files: [a.hook]}, thyngs: {token_files: [a.thyngs]}}
  - name: b
    hubspot: {token_file: b.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: standard, secret_files: [none, b.hook]}, zoho-thrive: {header: X, token_files: [b.thrive]}}
  - name: c
    hubspot: {token_file: none, object: {name: gifts}}
    thnks: {api_key_file: key}
`)
	check := func(files map[string]string) string {
		t.Helper()
		for name, text := range files {
			put(t, filepath.Dir(path), name, text, 0o600)
		}
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.CheckBindings()
		var le *LoadError
		if err != nil && !errors.As(err, &le) {
			t.Fatalf("error is %#v", err)
		}
		if err == nil {
			return ""
		}
		return strings.ReplaceAll(err.Error(), path, "F")
	}
	if got := check(nil); got != "" {
		t.Errorf("without files: %s", got)
	}
	if got := check(map[string]string{"a.token": "one", "b.token": "two", "a.hook": "whsec_three", "b.hook": "four", "a.thyngs": "five", "b.thrive": "six"}); got != "" {
		t.Errorf("different secrets: %s", got)
	}
	want := `F:7: portals[1].hubspot.token_file: holds the same secret as portals[0].hubspot.token_file (line 3): ` + ownRecords + `
F:9: portals[1].webhooks.gift-events.secret_files[1]: holds the same secret as portals[0].webhooks.gift-events.secret_files[0] (line 5): ` + ownSecret + `
F:9: portals[1].webhooks.zoho-thrive.token_files[0]: holds the same secret as portals[0].webhooks.thyngs.token_files[0] (line 5): ` + ownSecret
	if got := check(map[string]string{"b.token": "one\n", "b.hook": "three", "b.thrive": "five"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(path), "a.token")); err != nil {
		t.Fatal(err)
	}
	if got := check(map[string]string{"b.hook": "four", "b.thrive": "six"}); got != "" {
		t.Errorf("with a token that cannot be read: %s", got)
	}
}
