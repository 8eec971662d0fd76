package documentd_test

import (
	"strings"
	"testing"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/boot"
)

func TestAllInvalidSettingsAreNamed(t *testing.T) {
	for variable, value := range map[string]string{
		"PORT": "80a", "MAX_UPLOAD_BYTES": "0", "SWEEP_AFTER": "-1h", "S3_ENDPOINT": "minio:9000", "S3_PUBLIC_ENDPOINT": "/s3",
		"S3_FORCE_PATH_STYLE": "perhaps", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "", "JWT_SECRET": "short",
	} {
		t.Setenv(variable, value)
	}
	var cfg documentd.Config
	err := boot.Load(&cfg)
	for _, variable := range []string{"PORT", "MAX_UPLOAD_BYTES", "SWEEP_AFTER", "S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "S3_FORCE_PATH_STYLE", "AWS_SECRET_ACCESS_KEY", "JWT_SECRET"} {
		if err == nil || !strings.Contains(err.Error(), "  "+variable+": ") && !strings.Contains(err.Error(), ", "+variable+": ") {
			t.Errorf("Load = %v, want an error that names %s", err, variable)
		}
	}
}
