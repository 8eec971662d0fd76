package main

import "testing"

// TestForbiddenImports checks an import for each rule, and some allowed ones.
func TestForbiddenImports(t *testing.T) {
	const passport = "passport-service/internal/passport"
	for imported, refused := range map[[2]string]bool{
		{passport, "time"}:                                                                   false,
		{passport, project + "pkg/store"}:                                                    false,
		{passport, project + "passport-service/internal/ruleset"}:                            false,
		{passport, "net/http"}:                                                               true,
		{passport, "github.com/danielgtaylor/huma/v2"}:                                       true,
		{passport, "go.mongodb.org/mongo-driver/v2/bson"}:                                    true,
		{passport, "github.com/google/go-cmp/cmp"}:                                           true,
		{passport, project + "pkg/rest"}:                                                     true,
		{passport, project + "pkg/auth/token"}:                                               true,
		{passport, project + "passport-service/internal/httpapi"}:                            true,
		{passport, project + "document-service/internal/document"}:                           true,
		{"passport-service/internal/httpapi", project + passport}:                            false,
		{"passport-service/internal/httpapi", "net/http"}:                                    false,
		{"passport-service/internal/httpapi", project + "pkg/rest"}:                          false,
		{"document-service/internal/httpapi", project + "document-service/internal/s3store"}: true,
		{"document-service/internal/httpapi", project + "document-service/documentd"}:        true,
		{"document-service", project + "document-service/documentd"}:                         false,
		{"document-service", project + "document-service/internal/document"}:                 true,
		{"document-service/documentd", project + "auth-service/authd"}:                       true,
		{"passport-service/internal/desk", project + "passport-service/internal/page"}:       false,
		{"passport-service/internal/page", project + "passport-service/internal/desk"}:       true,
		{"pkg/store", project + "auth-service/authd"}:                                        true,
		{"pkg/store", project + "deploy/stack"}:                                              true,
		{"pkg/rest", "github.com/go-chi/chi/v5/middleware"}:                                  false,
		{"pkg/store", "github.com/segmentio/kafka-go"}:                                       true,
		{"pkg/fault", project + "pkg/wire"}:                                                  true,
		{"deploy/e2e", project + "document-service/documentd"}:                               false,
	} {
		if reason := forbidden(imported[0], imported[1]); (reason != "") != refused {
			t.Errorf("%s imports %s: %q, want refused %v", imported[0], imported[1], reason, refused)
		}
	}
}
