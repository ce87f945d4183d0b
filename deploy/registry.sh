# Read by a shell of Compose: no registry if it is that of the part mlops, which does not run.
# COMPOSE_PROFILES is empty if parts were named otherwise, as by `docker compose --profile`.
case "${QUINTET_MLFLOW_URI:-} ,${COMPOSE_PROFILES:-}," in
"http://mlflow:5000 ,,") ;;
"http://mlflow:5000 "*,mlops,*) ;;
"http://mlflow:5000 "*",*,"*) ;;
"http://mlflow:5000 "*) export QUINTET_MLFLOW_URI= ;;
esac
