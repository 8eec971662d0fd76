package stack

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
)

// startKafka runs a broker whose topics are kept in the data folder.
func (s *Stack) startKafka(cfg Config) error {
	l, err := s.listen(cfg.KafkaPort, "KAFKA_PORT")
	if err != nil {
		return err
	}
	// The broker wants an absolute path, and opens its port itself.
	dir, err := filepath.Abs(filepath.Join(cfg.Passport.Store.Dir, "kafka"))
	if err != nil {
		return err
	}
	broker, err := kfake.NewCluster(
		kfake.Ports(l.Addr().(*net.TCPAddr).Port), kfake.DataDir(dir),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return l, nil }),
	)
	if err != nil {
		return fmt.Errorf("broker with its log in %s: %w", dir, err)
	}
	s.onEnd(broker.Close)
	s.Brokers = broker.ListenAddrs()
	return nil
}
