-- One database for each that keeps state; `quintet` itself is made by the image.
CREATE DATABASE mlflow;
CREATE DATABASE airflow;
