package hubspot

import (
	"io"
	"net/http"
	"slices"
	"testing"
)

// TestScopes: the token goes to HubSpot in the body, and nowhere else.
func TestScopes(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/oauth/v2/private-apps/get/access-token-info" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if want := `{"tokenKey":"` + r.Header.Get("Authorization")[len("Bearer "):] + `"}`; string(body) != want {
			t.Errorf("body %s, want %s", body, want)
		}
		reply(w, 200, map[string]any{"userId": 1, "hubId": 62515, "scopes": []any{"oauth", "crm.objects.contacts.read"}})
	}))
	scopes, err := c.Scopes(t.Context())
	if err != nil || !slices.Equal(scopes, []string{"oauth", "crm.objects.contacts.read"}) {
		t.Errorf("scopes %q, error %v", scopes, err)
	}
}

// TestScopesUnknown: kinds of token whose scopes HubSpot does not reveal.
func TestScopesUnknown(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]Kind{400: Refused, 401: Unauthorised, 404: NotFound, 200: Unexpected} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, status, map[string]any{"message": "no"}) }))
		scopes, err := c.Scopes(t.Context())
		checkKind(t, err, kind)
		if scopes != nil {
			t.Errorf("scopes %q with an error", scopes)
		}
	}
}

// TestArchivedProperties asks for the deleted ones alone.
func TestArchivedProperties(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/crm/properties/2026-09/2-7" || r.URL.RawQuery != "archived=true" {
			t.Errorf("asked %s", r.URL)
		}
		reply(w, 200, map[string]any{"results": []any{map[string]any{"name": "status", "type": "string", "archived": true}}})
	}))
	props, err := c.ArchivedProperties(t.Context(), "2-7")
	if err != nil || len(props) != 1 || props[0].Name != "status" || !props[0].Archived {
		t.Errorf("properties %+v, error %v", props, err)
	}
}
