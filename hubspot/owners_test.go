package hubspot

import (
	"net/http"
	"slices"
	"testing"
)

func TestOwners(t *testing.T) {
	var asked []string
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("after"))
		if r.URL.Query().Get("after") == "" {
			reply(w, 200, map[string]any{
				"results": []any{map[string]any{"id": 7, "email": "Ada@Example.com", "firstName": "Ada"}},
				"paging":  map[string]any{"next": map[string]any{"after": "7", "link": "https://elsewhere.example/"}},
			})
			return
		}
		reply(w, 200, map[string]any{"results": []any{map[string]any{"id": "8", "email": nil, "archived": true}}})
	}))
	owners, err := c.Owners(t.Context())
	if err != nil || !slices.Equal(owners, []Owner{{ID: "7", Email: "Ada@Example.com"}, {ID: "8", Archived: true}}) {
		t.Errorf("owners %+v, error %v", owners, err)
	}
	if want := []string{"GET /crm/owners/2026-09 ", "GET /crm/owners/2026-09 7"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// A listing that does not advance, or has no results, is an error and does not
// continue for ever.
func TestOwnersUnexpected(t *testing.T) {
	for _, body := range []map[string]any{
		{"status": "COMPLETE"},
		{"results": []any{}, "paging": map[string]any{"next": map[string]any{"after": "7"}}},
	} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }))
		owners, err := c.Owners(t.Context())
		checkKind(t, err, Unexpected)
		if owners != nil {
			t.Errorf("owners %+v with an error", owners)
		}
	}
}

func TestOwnersWithoutScope(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 403, problem("MISSING_SCOPES")) }))
	_, err := c.Owners(t.Context())
	checkKind(t, err, Forbidden)
}
